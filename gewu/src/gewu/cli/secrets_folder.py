"""The files behind `gewu keys`: made once, changed as a whole, readable by their owner only."""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gewu.cli.ending import WRONG, Refusal


def now() -> str:
    """The time as key files write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def make(folder: Path, link: str, private: str, public: str, keys: str) -> list[tuple[str, bool]]:
    """Make each file that is missing; returns each name and whether it was made. Nothing is ever overwritten."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / keys):
        pair = [(folder / name).exists() for name in (private, public)]
        if any(pair) and not all(pair):
            have, lack = (private, public) if pair[0] else (public, private)
            way_out = f"put it back, or move {have} away as well and run this again"
            raise Refusal(f"{folder / have} is there and {lack} is not: {way_out}", WRONG)
        done = [(link, _make(folder / link, secrets.token_urlsafe(48).encode()))]
        if not any(pair):
            rotate(folder, private, public, first=True)
        done += [(private, not pair[0]), (public, not pair[1])]
        return [*done, (keys, _make(folder / keys, b"[]\n"))]


def rotate(folder: Path, private: str, public: str, *, first: bool = False) -> str:
    """Add a new private key and replace the public one; returns the new key's id. The caller has the folder locked."""
    from gewu.runtime import contact

    if not first and not (folder / private).is_file():
        raise Refusal(f"{folder / private} is not there; `gewu keys init --folder {folder}` makes it")
    key_id = f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(dir=folder, prefix=".rotate-") as scratch:
        fresh = Path(scratch)
        if not first:
            _make(fresh / private, (folder / private).read_bytes())
        contact.rotate(fresh / private, fresh / public, key_id)
        # The private half first: nothing may be sealed for a key that could be lost with this process.
        for name in (private, public):
            _sync(fresh / name)
            os.replace(fresh / name, folder / name)
    return key_id


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Alone with the files of this file's folder: two commands at once must not undo each other's change."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _make(path: Path, content: bytes) -> bool:
    """Write a file that is not there yet."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as f:
        f.write(content)
    return True


def _sync(path: Path) -> None:
    os.chmod(path, 0o600)
    with path.open("rb") as f:
        os.fsync(f.fileno())
