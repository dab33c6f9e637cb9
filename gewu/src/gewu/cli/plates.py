"""`gewu plates`: open sealed plates with the private keys, on the machine of whoever lawfully holds them."""

import argparse
import json
import sys
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gewu.cli import table
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.runtime.contact import Opener

_EPILOG = f"""\
examples:
  curl -sS "$DISPATCH_URL/v1/cases/CASE_ID/plates?purpose=case+7" -H "authorization: Bearer $KEY" > sealed.json
  gewu plates open sealed.json --keys contact-private.json
  gewu plates open - --keys contact-private.json --json < sealed.json

Speaks to no server. Dispatch gives the boxes to a key with the scope plates:<department> and notes who, when and what for;
the private keys that open them are given to no service. A box stands for one signal: one that was moved to another is
refused, and so is one that somebody changed. What a key sealed that is not kept any more is forgotten for good.

{CODES.format(wrong="a box could not be opened: it is named, and the others are printed")}
"""
_FIELDS = ("signal_id", "observed_at", "camera_id", "rule_id", "purpose")


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu plates` and its action."""
    says = "sealed plates that a rule asked for (车牌)"
    actions = subparsers.add_parser("plates", help=says, description=f"{says.capitalize()}.").add_subparsers(
        required=True, metavar="ACTION"
    )
    opening = actions.add_parser(
        "open", help="open what dispatch gave", description="Open what dispatch gave.", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    opening.add_argument("file", metavar="FILE", help="the answer of /v1/cases/{case_id}/plates; - is stdin")
    opening.add_argument("--keys", metavar="KEYS", type=Path, required=True, help="contact-private.json")
    opening.add_argument("--json", action="store_true", help="print JSON")
    opening.set_defaults(run=run_open)


def run_open(args: argparse.Namespace) -> int:
    """Print each plate; what cannot be opened goes to stderr."""
    from gewu.runtime.contact import Opener

    try:
        opener = Opener.read(args.keys)
    except (ValueError, TypeError, AttributeError) as fault:
        raise Refusal(f"{args.keys} is no JSON object of key ids and private keys in hex: {fault}") from None
    found, faults = [], []
    for n, said in enumerate(_said(args.file), start=1):
        plate = _opened(opener, said)
        if isinstance(plate, str):
            faults.append(f"plate {n}: {plate}")
        else:
            found.append(plate)
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif found:
        heads = ("plate", "confidence", "observed", "camera", "rule", "purpose")
        rows = [(p["plate"], f"{p['confidence']:.2f}", *(str(p[f]) for f in _FIELDS[1:])) for p in found]
        for line in table.lines(heads, rows):
            print(line)
    for fault in faults:
        print(f"gewu: {fault}", file=sys.stderr)
    return WRONG if faults else FINE


def _said(file: str) -> list[Any]:
    """The boxes of dispatch's answer."""
    try:
        found = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text())
    except ValueError as fault:
        raise Refusal(f"{file} is no JSON: {fault}") from None
    if not isinstance(found, dict) or not isinstance(found.get("plates"), list):
        raise Refusal(f"{file} has no list `plates`: it must be what /v1/cases/{{case_id}}/plates answered")
    return list(found["plates"])


def _opened(opener: "Opener", said: Any) -> dict[str, Any] | str:
    """The plate with what dispatch says of it, or why there is none."""
    from google.protobuf.message import DecodeError

    from gewu.runtime.contact import Sealed
    from gewu.v1.signal_pb2 import Plate

    try:
        sealed, about = Sealed(said["key_id"], b64decode(said["box"], validate=True)), {f: said[f] for f in _FIELDS}
    except (KeyError, TypeError, ValueError) as fault:
        return f"a field is wrong or missing: {fault}"
    plain = opener.open(sealed)
    if plain is None:
        return f"the box does not open: key {sealed.key_id} is not kept, or the box was changed"
    try:
        plate = Plate.FromString(plain)
    except DecodeError:
        return "what was in the box is no plate"
    if not plate.text.isprintable():
        return "what was in the box is no plate: it holds characters that no terminal may be sent"
    if plate.signal_id != about["signal_id"]:
        return f"the box belongs to signal {plate.signal_id}, not to {about['signal_id']}: somebody moved it"
    return {"plate": plate.text, "confidence": round(plate.confidence, 4), **about}
