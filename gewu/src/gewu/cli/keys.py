"""`gewu keys`: API keys, the secret behind status links, and the key pair that seals contacts."""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gewu.cli import environment, table
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.runtime.keys import Key

_IN_FORCE = "running services have it within 5 s"
_SCOPES = (
    "report (may report), read:<department or area> (may read its cases), act:<department> (may act); * is all; "
    "plates:<department> (is given the sealed plates of its cases), which knows no *"
)

_EPILOGS = {
    "init": """\
examples:
  gewu keys init --folder secrets

Makes link.secret, contact-private.json, contact-public.json and keys.json, readable by their owner only, and prints for
each service the settings that name them, a block that can be put into its environment as it is. What is there already
stays as it is. No service is given contact-private.json; keep it safe, and away from the services' machines: only it opens
the contacts that intake seals and the plates that video seals (`gewu plates open`).
""",
    "add": f"""\
examples:
  gewu keys add sensors-east --scope report --label "sensors, east district"
  gewu keys add fire-desk --scope read:fire --scope act:fire
  KEY=$(gewu keys add load --scope report)
  gewu keys add canary --scope report --scope 'read:*' --scope 'act:*' --to secrets/canary.key

The secret is printed once, alone on stdout; the file keeps only its SHA-256. With --to it goes into a file instead, which
only its owner reads; the same command again changes nothing. An id is the `source` of every signal that
comes with the key, so it is never given out again, not even after it was revoked.
scopes: {_SCOPES}.
""",
    "list": """\
examples:
  gewu keys list
  gewu keys list --file secrets/keys.json --json
""",
    "revoke": f"""\
examples:
  gewu keys revoke sensors-east

The entry stays in the file, so that its id is not given out again; {_IN_FORCE}.
""",
    "rotate-contact": """\
examples:
  gewu keys rotate-contact --folder secrets

New contacts are sealed under a new key; the old private keys stay, so that what they sealed can be opened. Delete a key
from contact-private.json and what it sealed is forgotten for good. Restart intake: it seals under the key of its start.
""",
}
_HELP = {
    "init": "make the secrets of a new installation", "add": "make a key and print its secret once",
    "list": "list keys", "revoke": "take a key out of force", "rotate-contact": "make a new key pair for contacts",
}  # fmt: skip


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu keys` and its actions."""
    keys = subparsers.add_parser("keys", help="API keys and secrets (密钥)", description="API keys and secrets (密钥).")
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    parsers = {}
    for name, epilog in _EPILOGS.items():
        parsers[name] = actions.add_parser(
            name, help=_HELP[name], description=_HELP[name].capitalize() + ".",
            epilog=epilog + "\n" + CODES.format(wrong="it was refused: nothing was changed"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        parsers[name].set_defaults(run=_RUNS[name])
    for name in ("init", "rotate-contact"):
        parsers[name].add_argument("--folder", metavar="FOLDER", type=Path, required=True, help="where the secrets are")
    for name in ("add", "list", "revoke"):
        parsers[name].add_argument("--file", metavar="FILE", type=Path, help="file of keys (default: GEWU_KEYS_FILE)")
    for name in ("add", "revoke"):
        parsers[name].add_argument("id", metavar="ID", help="lower-case letters, digits and -, at most 40")
    parsers["add"].add_argument(
        "--scope", action="append", required=True, metavar="SCOPE", help=_SCOPES.replace("%", "%%")
    )
    parsers["add"].add_argument("--label", default="", help="who holds it, for people")
    parsers["add"].add_argument(
        "--rate", type=float, default=0.0, metavar="N", help="reports a second (default: intake's GEWU_KEY_RATE)"
    )
    parsers["add"].add_argument(
        "--to", metavar="SECRET", type=Path, help="keep the secret in this file, and print nothing"
    )
    parsers["list"].add_argument("--json", action="store_true", help="print JSON")


def run_init(args: argparse.Namespace) -> int:
    """Make what is missing in the folder."""
    from gewu.dev import components
    from gewu.runtime import secrets_folder

    for name, made in secrets_folder.make(args.folder):
        print(f"{'made' if made else 'kept'} {args.folder / name}", file=sys.stderr)
    # A block each: a service refuses settings that are not its own.
    blocks = []
    for service in components.services():
        said = service.secrets(str(args.folder.absolute()))
        blocks.append("\n".join([f"# {service.name}", *(f"{name}={shlex.quote(path)}" for name, path in said.items())]))
    print("\n\n".join(blocks))
    return FINE


def run_add(args: argparse.Namespace) -> int:
    """Make a key; its secret is all that goes to stdout, or to the file that is named."""
    from gewu.runtime import keys, secrets_folder
    from gewu.runtime.files import replace

    path = _file(args)
    _check(args.id, args.scope)
    if not 0 <= args.rate <= 1e6:
        raise Refusal(f"--rate {args.rate:g}: it must be from 0 to 1,000,000 reports a second; 0 is intake's setting")
    with secrets_folder.locked(path.parent):
        secret = _kept(args.to) or keys.new_secret()
        scopes = tuple(dict.fromkeys(args.scope))
        made = keys.Key(args.id, keys.digest(secret), scopes, args.label, secrets_folder.now(), rate=args.rate)
        found = _read(path)
        held = next((key for key in found if key.id == args.id), None)
        if held and (held.sha256, held.scopes, held.revoked_at) == (made.sha256, made.scopes, ""):
            print(f"key {args.id} is in {path} already, and its secret in {args.to}", file=sys.stderr)
            return FINE
        if held:
            raise Refusal(f"there is a key {args.id!r} already (revoked ones count); choose another id", WRONG)
        if args.to:
            # Kept before it is in force: a run that is cut short in between goes on with the same secret.
            replace(args.to, secret)
        keys.write(path, [*found, made])
    told = f"Its secret is in {args.to}" if args.to else "Its secret is shown this once: keep it now"
    if not args.to:
        print(secret)
    print(f"key {args.id} is in {path}; {_IN_FORCE}. {told}", file=sys.stderr)
    return FINE


def _kept(file: Path | None) -> str:
    """The secret of an earlier run with --to, "" where there was none."""
    if file and not file.parent.is_dir():
        raise Refusal(f"there is no folder {file.parent} for {file}")
    try:
        return file.read_text().strip() if file and file.exists() else ""
    except OSError as fault:
        raise Refusal(f"{file} cannot be read: {fault}") from None


def run_list(args: argparse.Namespace) -> int:
    """Print every key, revoked ones too."""
    found = _read(_file(args))
    fields = ("id", "scopes", "label", "created_at", "revoked_at", "rate")
    if args.json:
        print(
            json.dumps([{name: getattr(key, name) for name in fields} for key in found], ensure_ascii=False, indent=2)
        )
        return FINE
    rows = [(key.id, " ".join(key.scopes), key.label, key.created_at, key.revoked_at or "in force") for key in found]
    for line in table.lines(("id", "scopes", "label", "created", "revoked"), rows):
        print(line)
    return FINE


def run_revoke(args: argparse.Namespace) -> int:
    """Take a key out of force."""
    from dataclasses import replace

    from gewu.runtime import keys, secrets_folder

    path = _file(args)
    with secrets_folder.locked(path.parent):
        found = _read(path)
        held = next((key for key in found if key.id == args.id), None)
        if held is None or held.revoked_at:
            why = f"was revoked at {held.revoked_at}" if held else f"is not in {path}"
            raise Refusal(f"key {args.id!r} {why}; `gewu keys list` shows them", WRONG)
        keys.write(path, [replace(key, revoked_at=secrets_folder.now()) if key is held else key for key in found])
    print(f"key {args.id} is revoked; {_IN_FORCE}", file=sys.stderr)
    return FINE


def run_rotate(args: argparse.Namespace) -> int:
    """Make a new contact key."""
    from gewu.runtime import secrets_folder

    private = args.folder / secrets_folder.PRIVATE
    with secrets_folder.locked(args.folder):
        if not private.is_file():
            raise Refusal(f"{private} is not there; `gewu keys init --folder {args.folder}` makes it")
        key_id = secrets_folder.rotate(args.folder)
    print(f"contacts are sealed under {key_id} once intake is restarted", file=sys.stderr)
    return FINE


_RUNS = {"init": run_init, "add": run_add, "list": run_list, "revoke": run_revoke, "rotate-contact": run_rotate}


def _file(args: argparse.Namespace) -> Path:
    named = args.file or environment.variables(args).get("GEWU_KEYS_FILE")
    if not named:
        raise Refusal("which file of keys? name it with --file or GEWU_KEYS_FILE; `gewu keys init` makes one")
    if not Path(named).parent.is_dir():
        raise Refusal(f"there is no folder {Path(named).parent} for {named}; `gewu keys init --folder` makes one")
    return Path(named)


def _read(path: Path) -> "list[Key]":
    from gewu.runtime import keys

    try:
        return keys.read(path)
    except keys.KeysFault as fault:
        raise Refusal(
            f"{path}: {fault}\nmend the file by hand; services go on with the keys they have", WRONG
        ) from None


def _check(id_: str, scopes: list[str]) -> None:
    from gewu.runtime.keys import KEY_ID, SCOPE

    if not KEY_ID.fullmatch(id_) or id_ == "anonymous":
        raise Refusal(f"key id {id_!r}: it must be 1 to 40 lower-case letters, digits and -, and not 'anonymous'")
    for scope in scopes:
        if not SCOPE.fullmatch(scope):
            raise Refusal(f"scope {scope!r} is wrong. Right are: {_SCOPES}")
