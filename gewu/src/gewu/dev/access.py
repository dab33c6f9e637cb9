"""Keys and secrets of a development stack: made at its first start, kept in a folder that only its owner reads."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gewu.dev.children import CannotStart
from gewu.dev.folder import Folder

_KEYS = {
    "replay": (("report",), "gewu dev: brings the demo day's reports"),
    "canary": (("report", "read:*", "act:*"), "gewu dev: a drill a minute through the whole line"),
    "ops": (("read:*", "act:*"), "gewu dev: sees every case, acts for every department"),
}


@dataclass(frozen=True, slots=True)
class Access:
    """The secrets of the two keys that a development stack has by itself."""

    report_key: str
    ops_key: str


def prepare(folder: Path) -> Access:
    """Makes what is missing of an installation's secrets and of its own two keys; what is there stays in force.

    Raises CannotStart where what is there cannot be used.
    """
    from gewu.runtime import secrets_folder

    try:
        secrets_folder.make(folder)
    except secrets_folder.SecretsFault as fault:
        raise CannotStart(str(fault)) from None
    folder.chmod(0o700)
    kept, file = Folder(folder), folder / secrets_folder.KEYS
    with secrets_folder.locked(folder):
        found = {name: _key(kept, file, name, scopes, label) for name, (scopes, label) in _KEYS.items()}
    return Access(found["replay"], found["ops"])


def prepare_receivers(folder: Path, city: Path) -> None:
    """Makes what is missing of the secrets that webhooks are signed with. A package with faults has none: see `steps`."""
    from gewu.city import CityFaults, load
    from gewu.runtime import whsec

    try:
        receivers = load(city).receivers
    except CityFaults:
        return
    whsec.make(folder / "receivers", receivers)


def _key(kept: Folder, file: Path, name: str, scopes: Sequence[str], label: str) -> str:
    """The secret of this key, which stands in the file, whoever else was added to it meanwhile."""
    from gewu.runtime import keys, secrets_folder

    # Kept before it is in force: a start that is cut short in between goes on with the same secret.
    secret = kept.remember(f"{name}.key", keys.new_secret)
    made = keys.Key(name, keys.digest(secret), tuple(scopes), label, secrets_folder.now())
    entries = keys.read(file)
    if not any(key.id == name and key.sha256 == made.sha256 and not key.revoked_at for key in entries):
        keys.write(file, [*(key for key in entries if key.id != name), made])
    return secret


def write_login(folder: Path, name: str, user: str, password: str) -> None:
    """Writes NAME.user and NAME.password below the secrets folder."""
    kept = Folder(folder)
    kept.keep(f"{name}.user", user)
    kept.keep(f"{name}.password", password)


def write_environment(file: Path, variables: dict[str, str]) -> None:
    """Writes NAME=VALUE lines that a shell can source; for its owner only, because the DSN holds a password."""
    import shlex

    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
