"""Whether a sealed plate is kept: only where a rule of this very package asks for it, at this camera, on this day."""

from datetime import date
from enum import StrEnum

from gewu.city.scene import PlateRule


class Kept(StrEnum):
    """What becomes of a sealed plate."""

    KEPT = "kept"
    NO_RULE = "no_rule"
    OTHER_CAMERA = "other_camera"
    NOT_IN_FORCE = "not_in_force"


def keep(rule: PlateRule | None, source: str, day: date) -> Kept:
    """The answer for a plate that `source` (camera:<id>) found on that day of the city's calendar, as it says by this rule.

    Whoever says so may be wrong, or have another package; the box of a plate that nobody lawfully asks for is not kept.
    """
    if rule is None:
        return Kept.NO_RULE
    if source not in {f"camera:{camera}" for camera in rule.cameras}:
        return Kept.OTHER_CAMERA
    return Kept.KEPT if rule.in_force(day) else Kept.NOT_IN_FORCE
