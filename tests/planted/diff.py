"""Unified diffs, applied strictly: what a hunk takes for granted must stand in the file word for word, exactly once.

Line numbers are not looked at, so that a patch survives what is added above it, and nothing is guessed: `patch` would
also take a place that merely resembles the one that was meant.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_HUNK = re.compile(r"^@@ .*@@")
_FILE = re.compile(r"^\+\+\+ b/(\S+)")


class DoesNotApply(Exception):
    """The source is not as the patch takes it to be; the text says where."""


def apply(patch: str, root: Path) -> list[Path]:
    """Change the files below `root`; returns them. DoesNotApply where a hunk has no place or more than one."""
    changed: list[Path] = []
    for name, before, after in _hunks(patch):
        file = root / name
        if not file.is_file():
            raise DoesNotApply(f"{name} is not there")
        text = file.read_text()
        if (times := text.count(before)) != 1:
            raise DoesNotApply(f"{name} has {times} places for:\n{before}")
        file.write_text(text.replace(before, after))
        changed.append(file)
    if not changed:
        raise DoesNotApply("there is no hunk in it")
    return changed


def _hunks(patch: str) -> Iterator[tuple[str, str, str]]:
    """File, lines before and lines after, of each hunk."""
    name, before, after = "", [], []
    inside = False
    for line in [*patch.splitlines(), "@@ @@"]:
        file, hunk = _FILE.match(line), _HUNK.match(line)
        if (file or hunk) and before:
            yield name, _text(before), _text(after)
            before, after = [], []
        if file:
            name, inside = file[1], False
        elif hunk:
            inside = True
        elif inside and not line.startswith("--- a/"):
            if line[:1] in ("", " ", "-"):
                before.append(line[1:])
            if line[:1] in ("", " ", "+"):
                after.append(line[1:])


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
