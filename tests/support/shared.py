"""Models and pictures to judge with: no part of Gewu, they lie beside the checkout (../shared, or where SHARED says).

Tests behind docs/lawful-use.md need them. Where the folder of models is not there such tests are skipped, and the run says
so at its beginning and end; where it is there and something is missing, a run with CI set fails.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from gewu.vision import models as allowed

ROOT = Path(__file__).parents[2]
_PICTURES = (
    "eval/faces/astronaut.png",
    "eval/plates/frames/frame_0003.jpg",
    "eval/plates/crops",
    "eval/plates/labels.csv",
)


def shared(*parts: str) -> Path:
    """What lies there under this name; the test is skipped, and says what is missing, where it does not."""
    found = folder().joinpath(*parts)
    if not found.exists():
        pytest.skip(
            f"{'/'.join(parts)} is missing in ../shared: nothing is proved about pictures here; set SHARED to its folder"
        )
    return found


def models() -> Path | None:
    """The folder of models, None where there is none: what is started then masks nothing, and stores nothing."""
    found = folder() / "models"
    return found if found.is_dir() else None


def lacking(at: Path | None = None) -> list[str]:
    """What the shared folder lacks of what pictures are made of and judged with; all in one word where it has no models."""
    at = at or folder()
    if not (at / "models").is_dir():
        return ["models"]
    files = [f"models/{m.file}" for m in allowed.known().values() if not m.package]
    return [name for name in (*files, *_PICTURES) if not (at / name).exists()]


def is_wrong(missing: list[str], variables: Mapping[str, str]) -> bool:
    """Whether a run that lacks this must fail: with CI set, where the folder of models is there and not everything is."""
    return bool(variables.get("CI")) and missing not in ([], ["models"])


def says(at: Path | None = None) -> str:
    """A line for people: whether this run proves anything about pictures."""
    at = at or folder()
    if missing := lacking(at):
        return (
            f"NOT PROVED HERE, pictures and plates in docs/lawful-use.md: {at} lacks {', '.join(missing)}; "
            "tests that need it are skipped; SHARED names another folder"
        )
    return f"pictures: masked and judged with the models of {at}"


def folder() -> Path:
    """The folder beside the checkout, or the one that SHARED names."""
    return Path(os.environ.get("SHARED", ROOT.parent / "shared"))
