"""Something stands where nothing may: a zone's rule over time, from what is seen of it picture by picture."""

from dataclasses import dataclass, replace
from enum import StrEnum

from gewu.city.scene import ZoneRule
from gewu.clock import SECOND

# Pictures further apart than this prove nothing of what was between them.
GAP_S = 10.0
# A zone that looks free for less than this was hidden by a passer-by, or the picture was bad.
CLEAR_S = 5.0


class Zone(StrEnum):
    """What a look at a zone comes to."""

    FREE = "free"
    DWELLING = "dwelling"  # covered, not yet for long enough
    DETECTED = "detected"  # covered for long enough: said now
    STANDING = "standing"  # said before, still there
    HIDDEN = "hidden"  # looks free, not yet for long enough
    CLEARED = "cleared"
    GAP = "gap"  # no picture for a while: the time before it does not count


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of a zone; times in microseconds since 1970. since: None while it is free."""

    since: int | None = None
    last: int | None = None
    said: bool = False
    free_since: int | None = None


def judge(rule: ZoneRule, watch: Watch, now: int, covered: float) -> tuple[Watch, Zone]:
    """What one more picture, with this share of the zone covered by what does not move, makes of it."""
    occupied = covered >= rule.share
    if watch.since is None:
        return (Watch(now, now), Zone.DWELLING) if occupied else (Watch(last=now), Zone.FREE)
    if not watch.said and watch.last is not None and now - watch.last > GAP_S * SECOND:
        return Watch(now if occupied else None, now), Zone.GAP
    if not occupied:
        return _free(watch, now)
    seen = replace(watch, last=now, free_since=None)
    if watch.said:
        return seen, Zone.STANDING
    if now - watch.since >= rule.dwell_s * SECOND:
        return replace(seen, said=True), Zone.DETECTED
    return seen, Zone.DWELLING


def _free(watch: Watch, now: int) -> tuple[Watch, Zone]:
    since = now if watch.free_since is None else watch.free_since
    if now - since >= CLEAR_S * SECOND:
        return Watch(last=now), Zone.CLEARED
    return replace(watch, last=now, free_since=since), Zone.HIDDEN
