"""`gewu topics`: the registry of topics, and the brokers made to agree with it."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gewu.cli import environment, grants, table
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.runtime.kafka import Difference
    from gewu.topics import Topic

_LIST = f"""\
examples:
  gewu topics list --city cities/demo      every topic of that city
  gewu topics list --json | jq -r '.[].name'

Sizes are the limits of one record and of one batch (max.message.bytes).
Without a city (--city or GEWU_CITY) the departments' topics are left out, and stderr says so.

{CODES.format(wrong="never")}
"""

_APPLY = f"""\
examples:
  gewu topics apply --city cities/demo --dry-run   what would be done
  gewu topics apply                                with GEWU_CITY and GEWU_KAFKA_BOOTSTRAP set

Makes what is missing and mends settings and grants. It never changes the number of partitions (that would break the order of
records by key) or of replicas, and never deletes: such a difference is named with what a person can do.

Where the brokers hold logins to grants (authorizer.class.name), it makes those of `gewu topics grants` and takes back
whatever else a service's or a department's login may; for that its own login must be a super user's. Rules that deny
something, and those of other logins, are left alone; what every login may is named.

{CODES.format(wrong="a difference is left (with --dry-run: there is one)")}
"""

_REFUSED = "the broker did not take it: apply again, and if it stays look at the broker's log"


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu topics list`, `apply` and `grants`."""
    topics = subparsers.add_parser("topics", help="list topics, make them (主题)", description="Kafka's topics (主题).")
    actions = topics.add_subparsers(required=True, metavar="ACTION")
    for name, run, text, epilog in (
        ("list", run_list, "print the registry of topics", _LIST),
        ("apply", run_apply, "make topics, mend their settings and grants", _APPLY),
        ("grants", grants.run_list, "print who may do what on the brokers", grants.HELP),
    ):
        parser = actions.add_parser(
            name, help=text, description=text.capitalize() + ".", epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        parser.add_argument(
            "--city", metavar="PATH", type=Path, help="city package whose departments have topics (default: GEWU_CITY)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        if name != "list":
            grants.add_principals(parser)
        if name == "apply":
            parser.add_argument("--dry-run", action="store_true", help="change nothing, say what would be done")
        parser.set_defaults(run=run)


def run_list(args: argparse.Namespace) -> int:
    """Print the registry."""
    from gewu import topics

    folder = environment.city_folder(args, environment.variables(args))
    if folder is None:
        print("gewu topics list: no --city and no GEWU_CITY: departments' topics are left out", file=sys.stderr)
    registry = topics.registry(environment.departments(folder) if folder else [])
    if args.json:
        print(json.dumps([_as_json(topic) for topic in registry], indent=2))
        return FINE
    for line in table.lines(_HEAD, [_row(topic) for topic in registry], right=_HEAD[1:5]):
        print(line)
    return FINE


def run_apply(args: argparse.Namespace) -> int:
    """Make the brokers agree with the registry; 1 where they do not."""
    import asyncio

    from gewu import topics
    from gewu.runtime import kafka

    said = environment.variables(args)
    folder = environment.city_folder(args, said)
    if folder is None:
        raise Refusal("whose departments? name the city package with --city PATH or GEWU_CITY")
    settings = environment.kafka(said)
    wanted = topics.registry(environment.departments(folder))
    before = asyncio.run(kafka.compare(wanted, settings))
    left = before if args.dry_run else asyncio.run(kafka.apply(wanted, settings))
    allowed = grants.run(args, wanted, settings)
    if args.json:
        outcome = _outcome(len(wanted), before, left, args.dry_run)
        print(json.dumps({**outcome, "ok": not left and allowed.ok, "grants": allowed.document()}, indent=2))
    else:
        _print_outcome(len(wanted), before, left, args.dry_run)
        allowed.show()
    return WRONG if left or not allowed.ok else FINE


def _print_outcome(wanted: int, before: "list[Difference]", left: "list[Difference]", dry: bool) -> None:
    for difference in before:
        if dry and difference.fixable:
            print(f"would be mended: {difference}")
        elif difference not in left:
            print(f"mended: {difference}")
    for difference in left:
        if not (dry and difference.fixable):
            print(f"left: {difference}: {_advice(difference)}", file=sys.stderr)
    print(f"{wanted} topics, {'all as the registry says' if not left else f'{len(left)} differences'}")


def _outcome(wanted: int, before: "list[Difference]", left: "list[Difference]", dry: bool) -> dict[str, Any]:
    def shown(difference: "Difference") -> dict[str, Any]:
        fields = ("topic", "what", "found", "wanted", "fixable")
        return {name: getattr(difference, name) for name in fields} | {"advice": _advice(difference, dry)}

    mended = [] if dry else [shown(d) for d in before if d not in left]
    return {"ok": not left, "dry_run": dry, "topics": wanted, "mended": mended, "left": [shown(d) for d in left]}


def _advice(difference: "Difference", dry: bool = False) -> str:
    return _REFUSED if difference.fixable and not dry else difference.remedy


def _as_json(topic: "Topic") -> dict[str, Any]:
    fields = (
        "name",
        "types",
        "key",
        "partition_by",
        "partitions",
        "record_bytes",
        "batch_bytes",
        "says",
        "hears",
        "owner",
        "parking",
    )
    retention = None if topic.retention is None else int(topic.retention.total_seconds())
    return {name: getattr(topic, name) for name in fields} | {"retention_s": retention}


_HEAD = (
    "name", "partitions", "retention", "record", "batch", "says", "hears", "owner", "parking", "key",
    "partition by", "types",
)  # fmt: skip


def _row(topic: "Topic") -> tuple[object, ...]:
    retention = "for ever" if topic.retention is None else f"{topic.retention.days} d"
    record, batch = (f"{size // 1024} KiB" for size in (topic.record_bytes, topic.batch_bytes))
    return (
        topic.name, topic.partitions, retention, record, batch, ", ".join(topic.says), ", ".join(topic.hears),
        topic.owner, topic.parking, topic.key, topic.partition_by, ", ".join(topic.types) or "any (as parked)",
    )  # fmt: skip
