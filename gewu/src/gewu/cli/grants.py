"""Grants, of `gewu topics grants` and `gewu topics apply`: who may do what on the brokers, and the brokers made to agree."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gewu.cli import environment, table
from gewu.cli.ending import CODES, FINE, Refusal

if TYPE_CHECKING:
    from gewu.grants import Principals
    from gewu.runtime.acls import Standing
    from gewu.runtime.settings import Kafka
    from gewu.topics import Topic

HELP = f"""\
examples:
  gewu topics grants --city cities/demo
  gewu topics grants --json | jq -r '.[] | select(.principal == "User:department-water")'

Derived from the registry: who says may write, who hears may read. `gewu topics apply` makes them where the brokers
hold logins to grants. Whoever has no row may do nothing; operators' logins are the brokers' super users.

{CODES.format(wrong="never")}
"""


def add_principals(parser: argparse.ArgumentParser) -> None:
    """How the brokers call our logins."""
    parser.add_argument(
        "--service-principal", metavar="PATTERN", default="User:gewu-{service}",
        help="what the brokers call a service's login (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--department-principal", metavar="PATTERN", default="User:department-{department}",
        help="what they call a department's (default: %(default)s)",
    )  # fmt: skip


def run_list(args: argparse.Namespace) -> int:
    """Print the table."""
    from gewu import grants, topics

    folder = environment.city_folder(args, environment.variables(args))
    if folder is None:
        print("gewu topics grants: no --city and no GEWU_CITY: departments are left out", file=sys.stderr)
    found = grants.table(topics.registry(environment.departments(folder) if folder else []), _principals(args))
    rows = [(g.principal, g.operation.word, g.resource.name.lower(), g.name + "*" * g.prefixed) for g in found]
    if args.json:
        print(json.dumps([dict(zip(_HEAD, row, strict=True)) for row in rows], indent=2))
        return FINE
    for line in table.lines(_HEAD, rows):
        print(line)
    return FINE


@dataclass(frozen=True, slots=True)
class Allowed:
    """What became of the grants. `found`: as they stood, `left`: as they stand; None: the brokers hold nobody to any."""

    wanted: int
    found: "Standing | None"
    left: "Standing | None"
    dry: bool

    @property
    def ok(self) -> bool:
        """Whether nothing is left that differs."""
        return self.left is None or not (self.left.missing or self.left.extra or self.left.open)

    def document(self) -> dict[str, Any]:
        """For machines."""
        if self.found is None or self.left is None:
            return {"authorizer": False}
        made = [] if self.dry else [e for e in self.found.missing if e not in self.left.missing]
        taken = [] if self.dry else [e for e in self.found.extra if e not in self.left.extra]
        said = {"made": made, "taken_back": taken, "missing": self.left.missing, "extra": self.left.extra,
                "open": self.left.open}  # fmt: skip
        return {"authorizer": True, **{name: [str(e) for e in entries] for name, entries in said.items()}}

    def show(self) -> None:
        """For people."""
        if self.found is None or self.left is None:
            print("grants: the brokers have no authorizer, so whoever reaches them may do everything; none were made")
            return
        before = "would be" if self.dry else "was"
        for word, entries, left in (
            ("granted", self.found.missing, self.left.missing),
            ("taken back", self.found.extra, self.left.extra),
        ):
            for entry in entries:
                if self.dry or entry not in left:
                    print(f"{before} {word}: {entry}")
                else:
                    print(f"left: {entry} was not {word}: apply again, and look at the brokers' logs", file=sys.stderr)
        for entry in self.left.open:
            print(f"left: {entry}: every login may that; take it back with kafka-acls.sh --remove", file=sys.stderr)
        print(f"{self.wanted} grants, {'all as the table says' if self.ok else 'and differences'}")


def run(args: argparse.Namespace, registry: "Sequence[Topic]", settings: "Kafka") -> Allowed:
    """Make the brokers agree with the table, or with --dry-run look."""
    import asyncio

    from gewu import grants
    from gewu.runtime import acls

    principals = _principals(args)
    wanted, ours = grants.table(registry, principals), grants.principals_of(registry, principals)
    found = asyncio.run(acls.compare(wanted, ours, principals, settings))
    left = found
    if found is not None and not args.dry_run:
        left = asyncio.run(acls.apply(wanted, ours, principals, settings))
    return Allowed(len(wanted), found, left, args.dry_run)


def _principals(args: argparse.Namespace) -> "Principals":
    from gewu.grants import Principals

    try:
        return Principals(args.service_principal, args.department_principal)
    except ValueError as fault:
        raise Refusal(str(fault)) from None


_HEAD = ("principal", "operation", "resource", "name")
