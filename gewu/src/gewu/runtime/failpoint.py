"""Windows in which a test may end this process: named places where it stops and waits to be killed.

Unarmed (always, outside tests) a point costs one dictionary look-up a batch.
"""

import asyncio
import os
from pathlib import Path

VARIABLE = "FAILPOINTS"  # name=file[,name=file…]: on reaching `name` write the file, then wait for ever; no setting of a city's


class Failpoints:
    """The armed points of this process."""

    def __init__(self, armed: dict[str, Path]) -> None:
        self._armed = armed

    @classmethod
    def from_environment(cls) -> "Failpoints":
        """The points that the variable arms; none when it is not set."""
        said = os.environ.get(VARIABLE, "")
        return cls({n: Path(f) for n, _, f in (s.partition("=") for s in said.split(",") if s)})

    async def reach(self, name: str) -> None:
        """Say that this place was reached and wait to be killed, if the point is armed and its file is not there yet."""
        file = self._armed.get(name)
        if file is None or file.exists():
            return
        file.write_text("reached")
        await asyncio.Event().wait()
