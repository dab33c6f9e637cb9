"""The copy of the source that a bug is planted in; the real tree is never touched."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.support import patched

ROOT = Path(__file__).parents[2]
_INSIDE = Path(__file__).parent / "inside" / "planted_window.py"


def copied(folder: Path, *patches: Path) -> Mapping[str, str]:
    """Make a fresh copy of the source at `folder`, changed by the patches; returns the variables by which Python takes it.

    Raises patched.DoesNotApply.
    """
    shutil.rmtree(folder, ignore_errors=True)
    variables = patched.copy(ROOT, folder, *patches)
    shutil.copy(_INSIDE, folder / patched.SOURCES[0])
    return variables
