"""A masker of the run's own, as a service has one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gewu.mask.client import Masker
from tests.support.shared import shared
from tests.support.waiting import until


@asynccontextmanager
async def running(masker: Masker, fault: bool = False) -> AsyncIterator[Masker]:
    """The masker with its children, once it can mask; or once it has said why it cannot."""
    work = asyncio.create_task(masker.run())

    async def told() -> bool:
        return bool(masker.fault and "not started" not in masker.fault) if fault else not masker.fault

    try:
        await until(told, 60.0, f"the masker ({masker.fault})")
        yield masker
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of models."""
    return shared("models")


@pytest.fixture(scope="session")
async def masker(models: Path) -> AsyncIterator[Masker]:
    """One for all tests that do not harm it."""
    async with running(Masker(models)) as made:
        yield made


@pytest.fixture(scope="session")
def portrait() -> Any:
    """A photograph with one face, BGR."""
    import cv2

    return cv2.imread(str(shared("eval/faces/astronaut.png")))
