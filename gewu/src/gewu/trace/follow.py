"""A trace from end to end: the tables as of one moment, then the log, then one way in the order of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from gewu.audit import log, one_signal
from gewu.audit.one_signal import Tables
from gewu.lane import Lane
from gewu.runtime import lenient
from gewu.runtime.parking import Parked
from gewu.runtime.settings import Kafka, Postgres
from gewu.trace import case, lanes
from gewu.trace.lanes import Logged
from gewu.trace.step import State, Step, Way, What
from gewu.trace.window import Window, around, time_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far to look. since: where to begin, None to find it out; within: how long after each thing its record may be."""

    since: datetime | None
    within: timedelta


async def follow(kafka: Kafka, postgres: Postgres, signal_id: str, bounds: Bounds, now: datetime) -> Way:
    """The signal's way."""
    lenient.install()
    tables = await one_signal.read(postgres, UUID(signal_id))
    window, why = _window(signal_id, tables, bounds, now)
    async with log.connected(kafka) as logs:
        logged, read = await lanes.logged(logs, signal_id, window, dict(tables.positions))
        parked = await lanes.parked(logs, signal_id, window, logged)
        steps = [*_of_records(logged, parked, tables), *_of_parking(parked)]
        if tables.signal is not None:
            steps += [*case.versions(tables), *case.refusals(tables), *case.waiting(tables)]
            steps += [*await case.moves(logs, tables, bounds.within), *await case.said(logs, tables, bounds.within)]
    looked = f"{read:,} records on the lanes, {_iso(window.since)} to {_iso(window.until)} ({why}), and all in flight"
    ordered = tuple(sorted(steps, key=lambda step: step.order))
    return Way(signal_id, _state(tables, logged, parked), ordered, looked, tuple(_notes(tables, logged)))


def _window(signal_id: str, tables: Tables, bounds: Bounds, now: datetime) -> tuple[Window, str]:
    """Where to look for the signal's records on the lanes, and how that was found out."""
    if bounds.since:
        return Window(bounds.since, bounds.since + bounds.within), "--since"
    if tables.signal is not None:
        return around(tables.signal["received_at"], bounds.within), "when it was received"
    if told := time_of(signal_id, now):
        return around(told, bounds.within), "the time in its id"
    return Window(now - bounds.within, now), "its id holds no time"


def _of_records(logged: Sequence[Logged], parked: Sequence[Parked], tables: Tables) -> list[Step]:
    """Each record that holds the signal: received, logged, and what became of it unless its case tells that."""
    found, aside = [], {entry.id for entry in parked}
    for entry in logged:
        if received := entry.received:
            found.append(received)
        found.append(Step(entry.at, What.LOGGED, entry.place))
        what = None if entry.place in aside else _outcome(entry, tables)
        if what is What.MEASURED and any(step.what is what for step in found):
            what = What.DUPLICATE  # its counter was not above its own
        if what:
            found.append(Step(entry.at, what, entry.place, _measured(entry) if what is What.MEASURED else {}))
    # What stands outside the window is known from its row.
    if tables.signal is not None and not _is_found(logged, tables):
        row = tables.signal
        detail = {"source": row["source"], "client_id": row["client_id"], "lane": Lane(row["lane"]).label}
        found.append(Step(row["received_at"], What.RECEIVED, "signals", detail))
    known = {entry.place for entry in logged}
    for row in tables.conflicts:
        if (place := f"{row['topic']}:{row['partition']}:{row['log_offset']}") not in known:
            found.append(Step(row["received_at"], What.CONFLICT, place))
    return found


def _is_found(logged: Sequence[Logged], tables: Tables) -> bool:
    """Whether the record that opened or joined the case is among them."""
    return any(_outcome(entry, tables) is None for entry in logged)


def _outcome(entry: Logged, tables: Tables) -> What | None:
    """What became of a record that is not parked; None for the one that opened or joined the case."""
    if entry.offset >= tables.positions.get((entry.topic, entry.partition), 0):
        return What.IN_FLIGHT
    signal, message = tables.signal, entry.message
    if message is not None and message.WhichOneof("kind") == "reading" and signal is None:
        return What.MEASURED
    if signal is None or message is None:
        return What.SETTLED
    if message.content_sha256 != signal["content"]:
        return What.CONFLICT
    return None if entry.received_at == signal["received_at"] else What.DUPLICATE


def _measured(entry: Logged) -> dict[str, Any]:
    own = entry.message.reading if entry.message else None
    return {own.quantity: f"{own.value:g} {own.unit}"} if own else {}


def _of_parking(parked: Sequence[Parked]) -> list[Step]:
    return [
        Step(datetime.fromtimestamp(entry.parked_at_ms / 1000, UTC), What.PARKED, entry.id,
             {"why": entry.why, "detail": entry.detail[:200], "replayed": entry.replayed})
        for entry in parked
    ]  # fmt: skip


def _state(tables: Tables, logged: Sequence[Logged], parked: Sequence[Parked]) -> State:
    if tables.signal is not None:
        return State.TAKEN
    aside = {entry.id for entry in parked}
    outcomes = {_outcome(entry, tables) for entry in logged if entry.place not in aside}
    if What.IN_FLIGHT in outcomes:
        return State.IN_FLIGHT
    if What.MEASURED in outcomes:
        return State.MEASURED
    if What.SETTLED in outcomes:
        return State.SETTLED
    return State.PARKED if parked else State.UNKNOWN


def _notes(tables: Tables, logged: Sequence[Logged]) -> list[str]:
    found, signal = [], tables.signal
    if signal is None:
        return found
    if not _is_found(logged, tables):
        found.append("its record was not found on the lanes: cut by age, or outside of what was searched (--since)")
    if signal["outcome"] == "joined":
        found.append("its case was opened by another signal; what was said before it joined is not shown")
    if tables.further:
        found.append(f"{tables.further:,} further signals joined its case later; they are not shown")
    if tables.waiting:
        found.append(f"{len(tables.waiting):,} events still wait in the outbox")
    if one_signal.MOST in (len(tables.versions), len(tables.actions)):
        found.append(f"only the first {one_signal.MOST} versions and actions are shown")
    return found


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
