"""The things a city package is made of, as typed, unchanging values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

UNITS = ("uh", "ud", "wh", "wd", "nd")
OWNER, AREA = "@owner", "@area"
ANY = "*"
# What can become of a case, as the wire's CaseChange has it (a test holds it to that).
CHANGES = (
    "opened", "joined", "accepted", "reassigned", "handled", "superseded", "restored", "extension_asked", "cleared",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Department:
    """A unit that answers for work (责任单位); `owner` is the responsible person or post, and may be empty."""

    id: str
    label_zh: str
    label_en: str
    owner: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A handling limit (处置时限): uh clock hours, ud clock days, wh/wd working hours/days, nd calendar days."""

    amount: int
    unit: str
    condition_zh: str = ""
    condition_en: str = ""


@dataclass(frozen=True, slots=True)
class Category:
    """A class of the code book (小类); `limit` counts until somebody states one of the conditions of `limits`."""

    key: str
    code: str
    kind: str
    label_zh: str
    label_en: str
    lane: str
    limit: Limit | None
    join_radius_m: float
    join_within_h: float
    aliases: tuple[str, ...]
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid of the tree (网格); `path` names it and all above it, from the top level down.

    department: who answers for this ground (属地), as it says itself or the nearest grid above it; "" where none does.
    """

    id: str
    parent: str | None
    level: int
    label_zh: str
    label_en: str
    klass: str
    path: tuple[str, ...]
    department: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of ground of one kind (an estate 小区, a street side …), valid from and to, both days included."""

    id: str
    kind: str
    label_zh: str
    label_en: str
    property_firm: str | None
    valid_from: date | None
    valid_to: date | None

    def valid_on(self, day: date) -> bool:
        """Say whether the place stands on that day of the city's calendar."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class CityObject:
    """A component on the ground (部件) in WGS 84 degrees; owner and maintainer are department ids."""

    id: str
    category_key: str
    lon: float
    lat: float
    owner: str
    maintainer: str | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit of a sensor with its hysteresis: beyond `limit` is a crossing (越限), back at `clear` it is over."""

    limit: float
    clear: float


# So long after a case was handled, a sensor that is still beyond its limit, or a device that is still silent, is said again: what
# was mended may take a while to show, and nobody's word ends what is still measured.
SAID_AGAIN_S = 600


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor (传感器) in WGS 84 degrees; what it measures (UCUM unit), what a crossing means, who looks after the device.

    `high` and `low`: at least one is there. dwell_s: so long a value must stay beyond its limit; silent_after_s: so long without
    a reading the device is at fault, 0 never; flaps: so many crossings within flap_window_s as well, 0 never.
    """

    id: str
    label_zh: str
    label_en: str
    category_key: str
    quantity: str
    unit: str
    lon: float
    lat: float
    object_id: str
    supplier: str
    high: Threshold | None
    low: Threshold | None
    dwell_s: int = 0
    silent_after_s: int = 0
    flaps: int = 0
    flap_window_s: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """What is known of any device by its name, such as sensor:smoke-0042: who supplies it and where it is."""

    id: str
    supplier: str
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A routing rule (派遣规则) as written at `line` of routing.csv; '*' is any, `department` may be '@owner' or '@area'."""

    id: str
    line: int
    category: str
    kind_of_place: str
    grid: str
    owner: str
    department: str
    note: str

    def takes_category(self, key: str) -> bool:
        """Say whether the category pattern (a key, 'kind:*', 'kind:06*' or '*') takes this key."""
        return key.startswith(self.category[:-1]) if self.category.endswith(ANY) else key == self.category


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told of cases (接收方): a webhook at `url`; one with `drills` hears of drills and of nothing else."""

    id: str
    label_zh: str
    label_en: str
    channel: str
    url: str
    drills: bool


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """A rule of who is told what, as written at `line` of notices.csv; '*' is any, no `changes` are all of them."""

    id: str
    line: int
    changes: tuple[str, ...]
    lane: str
    category: str
    department: str
    grid: str
    receiver: str
    note: str

    def takes_category(self, key: str) -> bool:
        """Say whether the category pattern, written as in routing.csv, takes this key."""
        return key.startswith(self.category[:-1]) if self.category.endswith(ANY) else key == self.category


SITUATIONS = ("done_in_time", "done_late", "not_near", "near", "overdue", "stuck")


@dataclass(frozen=True, slots=True)
class Shown:
    """The light of a situation, and what must follow from it."""

    light: str
    follows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lights:
    """A city's lights (红绿灯). near: the share of its time after which a case is near its limit; stuck_after_h: so many hours
    overdue it is stuck, stuck_returns: given back so often it is, both 0 never. `shown` has every situation."""

    near: float
    stuck_after_h: float
    stuck_returns: int
    shown: Mapping[str, Shown]
