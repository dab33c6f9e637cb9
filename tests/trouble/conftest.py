"""The fault tests share the run's stack: its servers may be stopped, its services killed, and its books must still balance."""

from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def ledgers() -> list[Path]:
    """Every ledger so far: the judge must find all of it, not only the last test's."""
    return []


@pytest.fixture(scope="package")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the ledgers of all these tests stand until the last one is judged."""
    return tmp_path_factory.mktemp("ledgers")
