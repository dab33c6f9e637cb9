"""A camera that shows nothing: its supplier shall look."""

from dataclasses import dataclass, replace
from enum import StrEnum

from gewu.clock import SECOND


class Sight(StrEnum):
    """What is known of a camera."""

    SEEN = "seen"
    WAITING = "waiting"  # nothing for a while, not yet for too long
    SILENT = "silent"  # nothing for too long: said now
    STILL_SILENT = "still_silent"
    ENDED = "ended"  # a file that was played to its end


@dataclass(frozen=True, slots=True)
class Quiet:
    """When a picture came last (microseconds since 1970), or since when one is waited for."""

    last: int
    said: bool = False

    def seen(self, at: int) -> "Quiet":
        """A picture came then."""
        return Quiet(max(at, self.last))


def judge(quiet: Quiet, silent_after_s: float, now: int) -> tuple[Quiet, Sight]:
    """What the time since the last picture means."""
    if quiet.said:
        return quiet, Sight.STILL_SILENT
    if now - quiet.last >= silent_after_s * SECOND:
        return replace(quiet, said=True), Sight.SILENT
    return quiet, Sight.SEEN if now - quiet.last < 2 * SECOND + silent_after_s * SECOND / 4 else Sight.WAITING
