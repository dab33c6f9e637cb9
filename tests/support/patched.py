"""A copy of the source tree with a patch applied, to run beside or instead of the real one."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

SOURCES = ("gewu/src", "services/intake/src", "services/dispatch/src", "services/video/src", "services/notify/src")
_COPIED = ("gewu", "services", "proto")


class DoesNotApply(Exception):
    """The tree is not what the patch was made for; the text names file and hunk. Make the patch anew."""


def copy(root: Path, target: Path, *patches: Path) -> dict[str, str]:
    """Copy the sources of `root` to `target` and apply the patches; returns the variables by which Python takes the copy."""
    for name in _COPIED:
        shutil.copytree(root / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for patch in patches:
        apply(patch, target)
    return {"PYTHONPATH": ":".join(str(target / source) for source in SOURCES)}


def apply(patch: Path, root: Path) -> None:
    """Apply a unified diff as git writes it. Line numbers are not looked at: each hunk's text must stand exactly once."""
    for name, hunks in _files(patch.read_text()):
        path = root / name
        text = path.read_text() if path.exists() else ""
        for before, after in hunks:
            if text.count(before) != 1 and (before or text):
                raise DoesNotApply(f"{patch.name}: {name} holds this {text.count(before)} times, not once:\n{before}")
            text = text.replace(before, after, 1) if before else after
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _files(patch: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each file's name with its hunks: the text before and after."""
    for part in re.split(r"^diff --git .*\n", patch, flags=re.M)[1:]:
        name = re.search(r"^\+\+\+ b/(.+)$", part, re.M)
        assert name, part
        yield name[1], [_hunk(hunk) for hunk in re.split(r"^@@ .*\n", part, flags=re.M)[1:]]


def _hunk(lines: str) -> tuple[str, str]:
    said = [(line[:1], f"{line[1:]}\n") for line in lines.splitlines() if line and not line.startswith("\\")]
    before = "".join(text for mark, text in said if mark in " -")
    after = "".join(text for mark, text in said if mark in " +")
    return before, after
