"""What planted code calls: says that its window was hit, a line each, in the file that PLANTED_WINDOW names.

The file is put beside the packages of a copy; the product never has it.
"""

import asyncio
import os
from pathlib import Path


def hit(what: str) -> None:
    """The fault and the bug met."""
    with _file().open("a") as lines:
        lines.write(f"{what}\n")


async def stand(what: str) -> None:
    """Say it and wait here to be killed; only the first who comes by, so that the next start goes on."""
    if not _file().exists():
        hit(what)
        await asyncio.Event().wait()


def _file() -> Path:
    return Path(os.environ["PLANTED_WINDOW"])
