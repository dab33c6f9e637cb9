"""A case (案件) and the signal that opens or joins it. Their times are whole microseconds since 1970, as in gewu.clock."""

from dataclasses import dataclass
from enum import IntEnum

from msgspec import Struct

from gewu.lane import Lane


class State(IntEnum):
    """Where a case stands; the values are the wire's, which number the whole life."""

    ASSIGNED = 4
    HANDLING = 5
    HANDLED = 6


class Source(IntEnum):
    """Kinds of signal."""

    REPORT = 1
    READING = 2
    DETECTION = 3
    FAULT = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture; its bytes are masked and durable. reference: what proves it, where a department's move names it."""

    sha256: bytes
    bytes: int
    type: str
    masked_by: str
    reference: str = ""


class Contact(Struct, frozen=True, gc=False):
    """How a reporter can be reached, sealed: the id of the key that opens the box, and the box."""

    key_id: str
    box: bytes


class Plate(Struct, frozen=True, gc=False):
    """A plate that a rule asked for, sealed like a contact, and by which rule it was found."""

    key_id: str
    box: bytes
    rule: str


OPEN = (State.ASSIGNED, State.HANDLING)  # a signal may still join


class Signal(Struct, frozen=True, gc=False):
    """Something that was noticed, as far as a decision needs it. Positions are WGS-84 degrees.

    A Struct, because a frozen dataclass of so many fields takes five times as long to make.
    """

    signal_id: str
    kind: Source
    lane: Lane
    source: str
    client_id: str
    observed_at: int
    received_at: int
    lon: float | None
    lat: float | None
    accuracy_m: float | None
    address: str
    home_area: str
    package_version: str
    exercise: bool
    content: bytes
    said: str  # the category as the reporter worded it
    text: str
    object_id: str
    sealed: Contact | Plate | None  # of a report, of a detection; no service opens it
    pictures: tuple[Picture, ...] = ()
    after: str = ""  # the case before about what still stands, which was handled; one that this signal opens follows it


class Case(Struct, gc=False):
    """One case. Only triage and act change it; `version` grows by one with each batch or action that does."""

    case_id: str
    incarnation: int
    version: int
    state: State
    lane: Lane
    category: str
    lon: float | None
    lat: float | None
    grid_id: str
    grid_path: tuple[str, ...]
    home_area: str
    department: str
    routed_because: str
    rule_id: str
    object_id: str
    signals: int
    exercise: bool
    package_version: str
    opened_at: int
    changed_at: int
    last_signal_at: int
    complete_by: int | None
    near: int | None = None  # class and fine cell, by which joining finds it; None without a position
    follows: str = ""  # the case before about the same, which was handled while it still stood

    @property
    def is_open(self) -> bool:
        """Whether a signal may still join it."""
        return self.state in OPEN
