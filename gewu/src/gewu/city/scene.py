"""Cameras and what is looked for in their pictures, as typed, unchanging values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

Point = tuple[float, float]
Polygon = tuple[Point, ...]

# A rule that wants more than this at once watches traffic, not cars that somebody has a reason to look for.
MOST_PLATES = 20
LONGEST_DAYS = 90


class Purpose(StrEnum):
    """What a camera may be used for; the second never sees a face or a plate that is not covered."""

    PUBLIC_SECURITY = "public_security"
    CITY_MANAGEMENT = "city_management"


class KindOfPlace(StrEnum):
    """Where a camera may stand."""

    STREET = "street"
    CROSSING = "crossing"
    SQUARE = "square"
    PARK = "park"
    ESTATE_GROUNDS = "estate-grounds"
    FIRE_LANE = "fire-lane"
    CAR_PARK = "car-park"
    SCHOOL_GATE = "school-gate"
    STATION = "station"
    MARKET = "market"
    BRIDGE = "bridge"
    UNDERPASS = "underpass"
    RIVERBANK = "riverbank"
    BUILDING_SITE = "building-site"
    PUBLIC_HALL = "public-hall"


class ForbiddenPlace(StrEnum):
    """Where none may stand, whoever asks: State Council Order 799 (公共安全视频图像信息系统管理条例), Article 8."""

    HOTEL_ROOM = "hotel-room"
    PRIVATE_DINING_ROOM = "private-dining-room"
    DORMITORY = "dormitory"
    STAFF_REST_ROOM = "staff-rest-room"
    BATH = "bath"
    TOILET = "toilet"
    CHANGING_ROOM = "changing-room"
    NURSING_ROOM = "nursing-room"
    FITTING_ROOM = "fitting-room"
    HOME = "home"


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera (摄像机) of the register. `source`: a file's name, or an rtsp address without login; see cities/README.md.

    silent_after_s: so long without a picture is a matter for `supplier`; fps: pictures a second that are looked at.
    """

    id: str
    label_zh: str
    label_en: str
    programme: str
    owner: str
    supplier: str
    lon: float
    lat: float
    kind_of_place: KindOfPlace
    level: int
    purpose: Purpose
    filing: str
    source: str
    silent_after_s: float
    fps: float

    @property
    def is_file(self) -> bool:
        """Whether its pictures come from a file: for demos and tests."""
        return "://" not in self.source

    @property
    def is_masked(self) -> bool:
        """Whether faces and plates in its pictures are covered before anything looks at them."""
        return self.purpose is not Purpose.PUBLIC_SECURITY


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """Something stands in a piece of the picture for `dwell_s`: a detection of `category`.

    polygon in shares of the picture, (0, 0) at its top left; share: how much of it must be covered; lon, lat: the zone's.
    """

    id: str
    camera: str
    category: str
    polygon: Polygon
    dwell_s: float
    share: float
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class PlateRule:
    """These plates at this camera on these days, both included, for that purpose, as two persons approved it.

    `cameras` holds one: a package with more is refused, because nobody is followed.
    """

    id: str
    cameras: tuple[str, ...]
    category: str
    purpose: str
    # Never in a log line or an error: whoever prints a rule prints its id.
    plates: tuple[str, ...] = field(repr=False)
    approved_by: tuple[str, str]
    valid_from: date
    valid_to: date

    def in_force(self, day: date) -> bool:
        """Whether the rule holds on that day of the city's calendar."""
        return self.valid_from <= day <= self.valid_to


@dataclass(frozen=True, slots=True)
class Scenes:
    """All rules of a package, and by camera the pieces of the picture that nothing may look at."""

    zones: tuple[ZoneRule, ...] = ()
    plates: tuple[PlateRule, ...] = ()
    privacy: Mapping[str, tuple[Polygon, ...]] = field(default_factory=dict)
