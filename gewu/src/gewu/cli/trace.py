"""`gewu trace`: one signal's whole way, with times from the log and the tables."""

import argparse
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gewu.cli import environment, table
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.trace.step import Step, Way

_DESCRIPTION = """\
Print what happened to one signal, from the moment at which intake received it to its department's topic and back: every
record with topic, partition, offset and the time that its writer stamped on it, every decision with its reason, and the
milliseconds in between (追踪). It reads the tables as of one moment and the log without a group, and changes nothing.
"""

_EPILOG = f"""\
examples:
  gewu trace 01a20049-7b1e-8cc3-98c4-dc0c0c07398f
  gewu trace 01a20049-7b1e-8cc3-98c4-dc0c0c07398f --json | jq '.steps[] | [.ms, .what, .place]'
  gewu trace 01a20049-7b1e-8cc3-98c4-dc0c0c07398f --since 2h --within 2h     an id that holds no time, or an offline client's

The id is the `signal_id` of intake's answer. Records are looked for from the time at which the signal was received (of
one that dispatch does not know, from the time in its id, if it holds one) for --within; what dispatch has not read yet is
searched whatever its age. Times of records are their writers' clocks, to the millisecond.

{CODES.format(wrong="it is parked, not known, or settled without a row")}
"""
_AGES = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu trace`."""
    trace = subparsers.add_parser(
        "trace", help="one signal's whole way, with times (追踪)", description=_DESCRIPTION, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    trace.add_argument("id", metavar="SIGNAL_ID", type=_signal_id, help="signal_id of intake's answer")
    trace.add_argument(
        "--since",
        metavar="TIME",
        type=_since,
        help="look from here on: 2026-11-22T08:00Z, or an age such as 90min, 2h, 3d",
    )
    trace.add_argument(
        "--within", metavar="AGE", type=_age, default=timedelta(minutes=15),
        help="how long after each thing its records may stand in the log [15min]",
    )  # fmt: skip
    trace.add_argument("--json", action="store_true", help="print one JSON object")
    trace.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Follow, print, and return the exit code."""
    import asyncio
    import json

    from gewu.audit.log import LogStuck
    from gewu.trace.follow import Bounds, follow
    from gewu.trace.step import State

    kafka, postgres = environment.both(environment.variables(args))
    bounds = Bounds(args.since, args.within)
    try:
        way = asyncio.run(follow(kafka, postgres, args.id, bounds, datetime.now(UTC)))
    except LogStuck as fault:
        raise Refusal(str(fault)) from None
    if args.json:
        print(json.dumps(_as_json(way), ensure_ascii=False))
    else:
        for line in _lines(way):
            print(line)
    return FINE if way.state in (State.TAKEN, State.IN_FLIGHT, State.MEASURED) else WRONG


_WORDS = {
    "taken": "taken: it belongs to a case",
    "in flight": "in flight: it stands in the log, and dispatch has not read it yet",
    "parked": "parked: dispatch could not handle it (`gewu parked show ID` shows it, `gewu parked replay ID` says it again)",
    "measured": "measured: a reading that is no crossing; it moved its sensor's row, and none stands for itself",
    "settled without a row": "settled without a row: dispatch has passed its record, and neither a case nor the parking "
    "topic has it; run `gewu audit`",
    "not known": "not known: no table has it, it is not parked, and it is not in what was searched of the log.\n"
    "Is the id right? For one that holds no time, or that was sent long after it, give --since and --within",
}


def _lines(way: "Way") -> Iterator[str]:
    yield f"signal {way.signal_id}"
    yield _WORDS[way.state]
    if way.steps:
        yield ""
        rows, last = [], 0
        for step, ms in zip(way.steps, way.elapsed_ms(), strict=True):
            rows.append((_iso(step.at), f"{ms:,}", f"+{ms - last:,}", step.what, step.place, _worded(step)))
            last = ms
        yield from table.lines(("time (UTC)", "ms", "step", "what", "where", ""), rows, right=("ms", "step"))
    yield ""
    yield from (f"note: {note}" for note in way.notes)
    yield f"searched: {way.looked}"


def _worded(step: "Step") -> str:
    return ", ".join(f"{name} {value}" for name, value in step.detail.items() if value not in ("", False, None))


def _as_json(way: "Way") -> dict[str, Any]:
    steps = [
        {"at": _iso(step.at), "ms": ms, "what": step.what, "place": step.place, **step.detail}
        for step, ms in zip(way.steps, way.elapsed_ms(), strict=True)
    ]
    return {
        "signal_id": way.signal_id, "state": way.state, "steps": steps, "notes": list(way.notes), "searched": way.looked,
    }  # fmt: skip


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _signal_id(said: str) -> str:
    try:
        return str(UUID(said))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{said!r} is no signal id: it is the `signal_id` of intake's answer"
        ) from None


def _age(said: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})(s|min|h|d)", said)
    if not found or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{said!r} is no length of time such as 90s, 15min, 2h or 3d")
    return timedelta(seconds=int(found[1]) * _AGES[found[2]])


def _since(said: str) -> datetime:
    if re.fullmatch(r"[0-9]+[a-z]+", said):
        return datetime.now(UTC) - _age(said)
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        text = f"{said!r} is neither a time such as 2026-11-22T08:00Z nor an age such as 2h"
        raise argparse.ArgumentTypeError(text) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
