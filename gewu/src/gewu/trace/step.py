"""The steps of a signal's way, in words and numbers."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What became of a signal, as far as can be seen. measured: a reading that is no crossing; settled: dispatch
    has passed its record and there is no row."""

    TAKEN = "taken"
    IN_FLIGHT = "in flight"
    PARKED = "parked"
    MEASURED = "measured"
    SETTLED = "settled without a row"
    UNKNOWN = "not known"


class What(StrEnum):
    """Kinds of step, in the order in which they stand where two have the same millisecond."""

    RECEIVED = "received"
    LOGGED = "logged"
    IN_FLIGHT = "in flight"
    PARKED = "parked"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SETTLED = "settled"
    MEASURED = "measured"
    OPENED = "opened"
    JOINED = "joined"
    ACTION = "action"
    APPLIED = "applied"
    REFUSED = "refused"
    CHANGED = "changed"
    WAITING = "waiting"
    SAID = "said"


_ORDER = {what: n for n, what in enumerate(What)}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened, and where it stands: a record as topic:partition:offset, or a table."""

    at: datetime
    what: What
    place: str
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def order(self) -> tuple[int, int, str]:
        """By time, to the millisecond in which the log counts; then as one thing causes another."""
        return int(self.at.timestamp() * 1000), _ORDER[self.what], self.place


@dataclass(frozen=True, slots=True)
class Way:
    """A signal's way. looked: what of the lanes' logs was searched, in words; notes: what a reader must know."""

    signal_id: str
    state: State
    steps: tuple[Step, ...]
    looked: str
    notes: tuple[str, ...] = ()

    def elapsed_ms(self) -> list[int]:
        """Of each step, the milliseconds since the first."""
        orders = [step.order[0] for step in self.steps]
        return [order - orders[0] for order in orders]
