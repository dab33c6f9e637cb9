"""The copy of the source that a bug is planted in; the real tree is never touched."""

import shutil
from pathlib import Path

from tests.planted import diff

ROOT = Path(__file__).parents[2]
SOURCES = ("gewu/src", "services/intake/src", "services/dispatch/src")
_INSIDE = Path(__file__).parent / "inside" / "planted_window.py"


def copied(folder: Path, patch: str = "") -> Path:
    """A fresh copy of the source at `folder`, changed by the patch; raises DoesNotApply."""
    shutil.rmtree(folder, ignore_errors=True)
    for source in SOURCES:
        shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(_INSIDE, folder / SOURCES[0])
    if patch:
        diff.apply(patch, folder)
    return folder


def python_path(copy: Path) -> str:
    """PYTHONPATH that puts a copy's packages before the installed ones."""
    return ":".join(str(copy / source) for source in SOURCES)
