"""API keys: who may report, read and act. A file beside the city package holds only their SHA-256."""

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gewu.runtime.files import replace

# A department or an area of the city package; the package check keeps their ids apart.
# Plates are asked for by department: no key has those of all.
SCOPE = re.compile(r"report|read:(?:\*|[^\s*:]{1,64})|act:(?:\*|[a-z0-9-]{1,40})|plates:[a-z0-9-]{1,40}")
KEY_ID = re.compile(r"[a-z0-9-]{1,40}")
_PREFIX = "gewu_"
LOOK_AGAIN_S = 2.0  # a changed file is in force after this and one poll, within the 5 s that are promised


class KeysFault(Exception):
    """The key file cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its id is the `source` of every signal it brings, so it is never given to another."""

    id: str
    sha256: str
    scopes: tuple[str, ...]
    label: str = ""
    created_at: str = ""
    revoked_at: str = ""
    rate: float = 0.0  # reports a second; 0: what intake's setting says

    def may(self, verb: str, *names: str) -> bool:
        """Whether a scope of this key allows the verb on one of these departments or areas."""
        return any(f"{verb}:{n}" in self.scopes for n in (*names, "*"))

    @property
    def may_report(self) -> bool:
        """Whether this key may bring reports."""
        return "report" in self.scopes


def new_secret() -> str:
    """A 256-bit random key as its holder keeps it."""
    return _PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 in hex; a 256-bit random secret needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def read(path: Path) -> list[Key]:
    """Every key of a file; KeysFault names the entry and what is wrong with it."""
    try:
        entries = json.loads(path.read_text())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as fault:
        raise KeysFault(f"{path.name}: {fault}") from None
    keys: dict[str, Key] = {}
    for n, entry in enumerate(entries if isinstance(entries, list) else [None], start=1):
        if isinstance(entry, dict) and str(entry.get("id")) in keys:
            raise KeysFault(f"{path.name}: entry {n}: id {entry['id']!r} is taken")
        key = _key(entry, path.name, n)
        if any(key.sha256 == k.sha256 for k in keys.values()):
            raise KeysFault(f"{path.name}: entry {n}: another key has the same sha256")
        keys[key.id] = key
    return list(keys.values())


def _key(entry: Any, file: str, n: int) -> Key:
    where = f"{file}: entry {n}"
    try:
        key = Key(**{**entry, "scopes": tuple(entry["scopes"])})
    except (TypeError, KeyError) as fault:
        raise KeysFault(f"{where} has a wrong or missing field: {fault}") from None
    if not all(
        isinstance(t, str) for t in (key.id, key.sha256, key.label, key.created_at, key.revoked_at, *key.scopes)
    ):
        raise KeysFault(f"{where}: every field is a text, and scopes is a list of texts")
    if isinstance(key.rate, bool) or not isinstance(key.rate, int | float) or not 0 <= key.rate <= 1e6:
        raise KeysFault(f"{where}: rate is a number of reports a second from 0 to 1,000,000")
    if not KEY_ID.fullmatch(key.id) or key.id == "anonymous":
        raise KeysFault(f"{where}: id {key.id!r} is taken or does not match {KEY_ID.pattern}")
    if not re.fullmatch(r"[0-9a-f]{64}", key.sha256):
        raise KeysFault(f"{where}: sha256 must be 64 hex digits in lower case")
    if bad := [s for s in key.scopes if not SCOPE.fullmatch(s)]:
        raise KeysFault(
            f"{file}: key {key.id}: scope {bad[0]!r} is none of report, read:<department or area>, act:<department>"
        )
    return key


def write(path: Path, keys: list[Key]) -> None:
    """Replace the file as a whole, readable by its owner only; a reader sees the old one or the new one."""
    replace(path, json.dumps([asdict(k) for k in keys], indent=2, ensure_ascii=False))


class KeyRing:
    """The keys in force. A file that cannot be read leaves the last good ones in force and says so through `fault`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._by_digest: dict[str, Key] = {}
        self.fault: str | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read the file again if it changed."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_ino)
        except OSError:
            stamp = (0, 0)
        if stamp == self._stamp:
            return
        try:
            found = read(self._path)
        except KeysFault as fault:
            self.fault = str(fault)
            return
        self._stamp, self.fault = stamp, None
        self._by_digest = {k.sha256: k for k in found if not k.revoked_at}

    def holder(self, secret: str) -> Key | None:
        """The key of this secret, or None. Looked up by digest, so timing tells nothing about other keys."""
        return self.of(digest(secret))

    def of(self, digest: str) -> Key | None:
        """The key whose secret has this digest, or None."""
        return self._by_digest.get(digest)


def bearer(authorization: str | None) -> str | None:
    """The secret in an Authorization header, or None when there is none; "" for a header of another form."""
    if authorization is None:
        return None
    kind, _, secret = authorization.partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""
