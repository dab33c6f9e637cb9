"""How many attempts at once a receiver is given, and when it is left alone: one that does not answer must use up neither its
notices' attempts nor our sockets.
"""

from gewu.clock import SECOND
from gewu_notify.domain.attempt import Kind

ONE = 1  # attempt at once, to a receiver of which it is not known that it answers
IN_A_ROW = 5  # failures after which it rests
_FIRST, _LONGEST = 1 * SECOND, 60 * SECOND
_ITS_FAULT = (Kind.UNREACHABLE, Kind.TIME_OUT, Kind.NO_TLS, Kind.BROKEN, Kind.SLOW_DOWN, Kind.FORBIDDEN)


class Rest:
    """Of one receiver, in this process."""

    def __init__(self) -> None:
        self._failed = 0
        self._until = 0
        self._answers = False  # the last that is known of it

    def told(self, kind: Kind, now: int, asked_until: int = 0) -> None:
        """An attempt ended; asked_until: the receiver itself asked for peace until then."""
        if kind not in _ITS_FAULT:
            self._failed, self._answers = 0, True
            return
        self._failed, self._answers = self._failed + 1, False
        if self._failed >= IN_A_ROW:
            self._until = max(self._until, now + min(_FIRST << min(self._failed - IN_A_ROW, 10), _LONGEST))
        self._until = max(self._until, asked_until)

    def room(self, in_flight: int, now: int) -> int:
        """How many attempts may be under way: none while it rests."""
        return 0 if now < self._until else self.at_once(in_flight)

    def at_once(self, in_flight: int) -> int:
        """How many while it does not rest: one until it answers, whatever it says, and again after none came; then all.
        So a thousand that hang, which may be one server, hold a thousand connections and no more."""
        return in_flight if self._answers else ONE

    def is_resting(self, now: int) -> bool:
        """Whether it is left alone now, or only asked how it is."""
        return now < self._until or self._failed >= IN_A_ROW
