"""How far a trace looks: every reading of the log is bounded in time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gewu import topics

MARGIN = timedelta(minutes=1)  # clocks of writers may differ by less; dispatch is red at a second


@dataclass(frozen=True, slots=True)
class Window:
    """From one time to another."""

    since: datetime
    until: datetime

    @property
    def milliseconds(self) -> tuple[int, int]:
        """Both ends as the log stamps its records."""
        return int(self.since.timestamp() * 1000), int(self.until.timestamp() * 1000)


def around(at: datetime, within: timedelta) -> Window:
    """What follows something that happened at this time."""
    return Window(at - MARGIN, at + within)


def merged(windows: Iterable[Window]) -> list[Window]:
    """The same times, none of them twice, in order."""
    found: list[Window] = []
    for window in sorted(windows, key=lambda window: window.since):
        if found and window.since <= found[-1].until:
            found[-1] = Window(found[-1].since, max(found[-1].until, window.until))
        else:
            found.append(window)
    return found


def time_of(signal_id: str, now: datetime) -> datetime | None:
    """The time in an id's leading bits, which is its client's; None where they hold none that the log could still have."""
    try:
        found = datetime.fromtimestamp(int(signal_id.replace("-", "")[:12], 16) / 1000, UTC)
    except (OverflowError, ValueError):
        return None
    return found if now - topics.SIGNAL_RETENTION <= found <= now + timedelta(days=1) else None
