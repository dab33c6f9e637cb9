"""`gewu parked`: records that could not be handled, looked at and said again."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gewu.cli import environment, table
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.runtime.parking import Parked
    from gewu.runtime.settings import Kafka

_EPILOGS = {
    "list": f"""\
examples:
  gewu parked list                         what is parked and not yet said again
  gewu parked list --topic TOPIC           of one source topic (`gewu topics list` names them)
  gewu parked list --all --json            replayed entries too, for a machine

{CODES.format(wrong="never (an empty list is fine, a full one too)")}
""",
    "show": f"""\
examples:
  gewu parked show TOPIC:3:1041
  gewu parked show TOPIC:3:1041 --json

ID is topic:partition:offset of the original record, as `gewu parked list` prints it.

{CODES.format(wrong="there is no such entry")}
""",
    "replay": f"""\
examples:
  gewu parked replay TOPIC:3:1041 --dry-run
  gewu parked replay TOPIC:3:1041 TOPIC:3:1042
  gewu parked replay --topic TOPIC --why refused_by_database

Says the original bytes again (key, value and headers, binary and null ones too) on the source topic, same partition,
waits for the ack, and then marks the entry as replayed. Mend the cause first: what still cannot be handled is parked
anew, as a new entry. Killed between ack and mark it says a record twice, which is harmless: its id is the same.

{CODES.format(wrong="an entry is unknown, replayed already, or was not acknowledged (what came before it is done)")}
""",
}
_HELP = {
    "list": "list parked records", "show": "show one with its headers, bytes and message",
    "replay": "say records again on their source topic",
}  # fmt: skip


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu parked` and its actions."""
    parked = subparsers.add_parser(
        "parked",
        help="records that could not be handled (搁置)",
        description="Records that could not be handled (搁置).",
    )
    actions = parked.add_subparsers(required=True, metavar="ACTION")
    parsers = {
        name: actions.add_parser(
            name, help=_HELP[name], description=_HELP[name].capitalize() + ".", epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for name, epilog in _EPILOGS.items()
    }  # fmt: skip
    for name, run in (("list", run_list), ("show", run_show), ("replay", run_replay)):
        parsers[name].set_defaults(run=run)
        parsers[name].add_argument("--json", action="store_true", help="print JSON")
    for name in ("list", "replay"):
        parsers[name].add_argument("--topic", metavar="T", help="only of this source topic")
    parsers["list"].add_argument("--all", action="store_true", help="replayed entries too")
    parsers["show"].add_argument("id", metavar="ID", help="topic:partition:offset")
    parsers["replay"].add_argument("id", metavar="ID", nargs="*", help="topic:partition:offset")
    parsers["replay"].add_argument("--why", metavar="W", help="with --topic: only those parked for this reason")
    parsers["replay"].add_argument("--dry-run", action="store_true", help="say nothing, print what would be said")


def run_list(args: argparse.Namespace) -> int:
    """Print entries, oldest first."""
    found = [entry for entry in _entries(_settings(args), args.topic) if args.all or not entry.replayed]
    found.sort(key=lambda entry: (entry.parked_at_ms, entry.id))
    if args.json:
        print(json.dumps([_summary(entry) for entry in found], ensure_ascii=False, indent=2))
        return FINE
    for line in table.lines(("id", "why", "parked at", "bytes", "state", "detail"), map(_row, found), right=("bytes",)):
        print(line)
    print(f"{len(found)} entries", file=sys.stderr)
    return FINE


def run_show(args: argparse.Namespace) -> int:
    """Print one entry whole."""
    from gewu.cli import parked_show

    (entry,) = _named([args.id], _entries(_settings(args), None))
    if args.json:
        print(json.dumps(_summary(entry) | parked_show.as_json(entry), ensure_ascii=False, indent=2))
        return FINE
    for line in (
        f"id        {entry.id}",
        f"why       {entry.why}",
        f"detail    {entry.detail}",
        f"parked at {_time(entry)}",
    ):
        print(line)
    print(f"state     {'replayed' if entry.replayed else 'open'}")
    for line in parked_show.lines(entry):
        print(line)
    return FINE


def run_replay(args: argparse.Namespace) -> int:
    """Say entries again."""
    import asyncio

    from gewu.cli import parked_log

    if bool(args.id) == bool(args.topic) or (args.why and not args.topic):
        raise Refusal("name the entries to say again by ID, or a whole topic with --topic (and --why)")
    settings = _settings(args)
    found = _entries(settings, args.topic)
    chosen = _named(args.id, found) if args.id else [e for e in found if not e.replayed and args.why in (None, e.why)]
    done = [entry.id for entry in chosen if entry.replayed]
    if done:
        raise Refusal(
            f"replayed already: {', '.join(done)}. If it failed again it was parked anew: `gewu parked list`", WRONG
        )
    said: list[str] = []
    try:
        if not args.dry_run:
            asyncio.run(parked_log.replay(settings, chosen, lambda entry: said.append(entry.id)))
    except parked_log.NotSaid as fault:
        raise Refusal(f"{fault}\nsaid before it: {', '.join(said) or 'nothing'}", WRONG) from None
    finally:
        _print_replay(args, chosen, said)
    return FINE


def _print_replay(args: argparse.Namespace, chosen: "Sequence[Parked]", said: Sequence[str]) -> None:
    if args.json:
        outcome = {"dry_run": args.dry_run, "chosen": [_summary(e) for e in chosen], "replayed": said}
        print(json.dumps(outcome, ensure_ascii=False))
        return
    for entry in chosen:
        if args.dry_run or entry.id in said:
            word = "would be said" if args.dry_run else "said"
            content = f"{len(entry.value or b'')} bytes, {len(entry.headers)} headers"
            print(f"{word} on {entry.topic}[{entry.partition}]: {entry.id}, {content} ({entry.why})")
    print(f"{len(said)} of {len(chosen)} replayed", file=sys.stderr)


def _settings(args: argparse.Namespace) -> "Kafka":
    return environment.kafka(environment.variables(args))


def _entries(settings: "Kafka", topic: str | None) -> "list[Parked]":
    """Every entry of one source topic, or of all."""
    import asyncio

    from gewu.cli import parked_log

    try:
        found, strange = asyncio.run(parked_log.read(settings, topic))
    except parked_log.NoParking as fault:
        raise Refusal(str(fault)) from None
    for place in strange:
        print(f"gewu parked: the record at {place} is no entry of this version; it was passed over", file=sys.stderr)
    return found


def _named(ids: Sequence[str], found: "Sequence[Parked]") -> "list[Parked]":
    by_id = {entry.id: entry for entry in found}
    if unknown := [id_ for id_ in ids if id_ not in by_id]:
        way_out = "`gewu parked list --all` shows what is; an ID is topic:partition:offset"
        raise Refusal(f"not parked: {', '.join(unknown)}. {way_out}", WRONG)
    return [by_id[id_] for id_ in dict.fromkeys(ids)]


def _summary(entry: "Parked") -> dict[str, Any]:
    return {
        "id": entry.id, "topic": entry.topic, "partition": entry.partition, "offset": entry.offset, "why": entry.why,
        "detail": entry.detail, "parked_at": _time(entry), "replayed": entry.replayed,
        "bytes": None if entry.value is None else len(entry.value),
    }  # fmt: skip


def _row(entry: "Parked") -> tuple[object, ...]:
    state, detail = "replayed" if entry.replayed else "open", entry.detail.replace("\n", " ")[:100]
    return entry.id, entry.why, _time(entry), len(entry.value or b""), state, detail


def _time(entry: "Parked") -> str:
    return datetime.fromtimestamp(entry.parked_at_ms / 1000, UTC).isoformat(timespec="milliseconds")
