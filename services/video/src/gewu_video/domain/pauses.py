"""When a camera is tried again: a pure decision on what ended the last try, and on what it showed before.

A child costs some 0.3 s of CPU to start, a knock next to nothing. So whoever answers no knock is asked again and again at
the same short steps, and pauses grow only for who answers and is no good.
"""

from dataclasses import dataclass
from enum import StrEnum

FIRST_S = 0.5
# Between two knocks: what a camera that came back is not seen for, and with 64 of them some 40 connections a second.
AWAY_S = 1.0, 2.0
# Pictures for so long end the growth of pauses, whatever ended them.
GOOD_S = 30.0


class Knock(StrEnum):
    """What a knock at a camera's door came to."""

    ANSWERED = "answered"
    SILENT = "silent"  # no whole status line in time
    REFUSED = "refused"  # no connection, or it ended at once
    FOREIGN = "foreign"  # somebody answers, and it is no RTSP


class Cause(StrEnum):
    """What ended a try."""

    AWAY = "away"  # nobody answered the knock; there was no child
    WAY = "way"  # the connection ended, hung or did not open
    CONTENT = "content"  # what came broke the child, or is none that it takes
    OURS = "ours"


class Because(StrEnum):
    """Why the pause is as long as it is."""

    KNOCKING = "knocking"
    SHOWN = "shown"  # there were pictures: they may be there again at once
    OURS = "ours"
    NO_GOOD = "no_good"  # it answers, and opening it brings nothing or breaks: longer each time


@dataclass(frozen=True, slots=True)
class Pause:
    """A time between low_s and high_s, to be drawn: a switch that comes back must not have all its cameras opened at once.

    grown_s: what the next `judge` is told of the pauses so far.
    """

    low_s: float
    high_s: float
    grown_s: float
    because: Because


def judge(grown_s: float, cause: Cause, shown_s: float, longest_s: float) -> Pause:
    """After a try that brought pictures for `shown_s` seconds (0: none). longest_s bounds what grows."""
    if cause is Cause.AWAY:
        # Whoever was away may be another one when it comes back: what was wrong before is forgotten.
        return Pause(*AWAY_S, FIRST_S, Because.KNOCKING)
    if cause is Cause.OURS:
        return _around(min(FIRST_S, longest_s), Because.OURS)
    # A connection that breaks is no fault of the pictures before it. Pictures that break a child are, unless long good.
    if shown_s >= GOOD_S or (cause is Cause.WAY and shown_s > 0):
        return _around(min(FIRST_S, longest_s), Because.SHOWN)
    return _around(min(grown_s * 2, longest_s), Because.NO_GOOD)


def _around(middle_s: float, because: Because) -> Pause:
    return Pause(middle_s * 0.5, middle_s * 1.5, middle_s, because)
