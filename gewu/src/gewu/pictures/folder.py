"""Pictures in a folder of this machine: written to their end before they have their name, and swept without a gap.

A sweep takes a picture's name away before it looks at its date once more, so that one that is put again meanwhile is either
seen to be new, and has its name back, or is written anew by whoever puts it.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TAKEN = ".swept-"
_HALF = re.compile(r"\.[0-9a-f]{16}")  # of a put that was killed


def put(path: Path, data: bytes) -> None:
    """Returns when file and folders are on the disk. One that is there already is as of now from now on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.utime(path)
    except FileNotFoundError:
        _write(path, data)
    # Also where it was there already: whoever put it may not have come to this yet.
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        _sync(folder)


def drop(path: Path, before: float) -> bool:
    """Whether it was from before that time and is gone now."""
    taken = path.with_name(_TAKEN + path.name)
    try:
        path.rename(taken)
        if taken.stat().st_mtime < before:
            taken.unlink()
            return True
        give_back(taken)
    except FileNotFoundError:
        pass  # another's sweep is at it
    return False


def dated(folder: Path, before: float) -> Iterator[tuple[str, float]]:
    """Name and time of every picture below; what a sweep or a put that was killed has left is put right first."""
    for file in folder.rglob(".*"):
        with suppress(FileNotFoundError):
            if file.name.startswith(_TAKEN):
                give_back(file)
            elif _HALF.fullmatch(file.name) and file.stat().st_mtime < before:
                file.unlink()
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if file.is_file():
                yield file.name, file.stat().st_mtime


def give_back(taken: Path) -> None:
    """Its name again, unless it was put anew under it meanwhile: a link never takes the place of another file."""
    name = taken.with_name(taken.name.removeprefix(_TAKEN))
    with suppress(FileExistsError):
        os.link(taken, name)
    taken.unlink()


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{secrets.token_hex(8)}")
    try:
        with fresh.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
