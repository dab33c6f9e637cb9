"""The folder of an installation's secrets: each file made once, changed as a whole, readable by its owner only."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gewu.runtime.files import replace

KEYS, LINK, PRIVATE, PUBLIC = "keys.json", "link.secret", "contact-private.json", "contact-public.json"


class SecretsFault(Exception):
    """The folder cannot be used as it is; the text says why and what to do."""


def now() -> str:
    """The time as key files write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def make(folder: Path) -> list[tuple[str, bool]]:
    """Make what is missing of link secret, contact pair and key file; returns each name and whether it was made.

    What is there stays as it is. Raises SecretsFault where the private half of the contact pair is lost.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder):
        pair = _make_pair(folder)
        link = _make(folder / LINK, secrets.token_urlsafe(48))
        return [(LINK, link), *pair, (KEYS, _make(folder / KEYS, "[]\n"))]


def rotate(folder: Path) -> str:
    """Add a private contact key and replace the public one; returns the id of both. The caller has the folder locked."""
    from gewu.runtime import contact  # here, because whoever adds an API key needs no cryptography

    key_id = f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"
    with _usable(folder / PRIVATE):
        contact.rotate(folder / PRIVATE, folder / PUBLIC, key_id)
    return key_id


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Alone with the files of this folder: two programs at once must not undo each other's change."""
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _make_pair(folder: Path) -> list[tuple[str, bool]]:
    from gewu.runtime import contact

    private, public = folder / PRIVATE, folder / PUBLIC
    lacks_private, lacks_public = not private.exists(), not public.exists()
    if lacks_private and lacks_public:
        rotate(folder)
    elif lacks_private:
        # A fresh pair would hide that nobody can open what was sealed under this one.
        way_out = f"put it back, or move {PUBLIC} away as well and run this again"
        raise SecretsFault(f"{public} is there and {PRIVATE} is not: {way_out}")
    elif lacks_public:
        # A process ended between the two. The public half follows from the private one, so nothing is lost.
        with _usable(private):
            contact.rewrite_public(private, public)
    return [(PRIVATE, lacks_private), (PUBLIC, lacks_public)]


@contextmanager
def _usable(private: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, AttributeError) as fault:
        raise SecretsFault(f"{private} is no JSON object of key ids and private keys in hex: {fault}") from None


def _make(path: Path, text: str) -> bool:
    missing = not path.exists()
    if missing:
        replace(path, text)
    return missing
