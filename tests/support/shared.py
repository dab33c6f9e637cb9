"""Models and pictures to judge with: no part of Gewu, they lie beside the checkout (../shared, or where SHARED says)."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def shared(*parts: str) -> Path:
    """What lies there under this name; the test is skipped, and says what is missing, where it does not."""
    found = _folder().joinpath(*parts)
    if not found.exists():
        pytest.skip(
            f"{'/'.join(parts)} is missing in ../shared: nothing is proved about pictures here; set SHARED to its folder"
        )
    return found


def models() -> Path | None:
    """The folder of models, None where there is none: what is started then masks nothing, and stores nothing."""
    found = _folder() / "models"
    return found if found.is_dir() else None


def _folder() -> Path:
    return Path(os.environ.get("SHARED", ROOT.parent / "shared"))
