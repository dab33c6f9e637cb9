"""A request's reports on their way, and what may become of each."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from gewu import ids
from gewu.lane import Lane
from gewu.runtime.keys import Key
from gewu.runtime.problem import Wrong
from gewu.runtime.producer import Fault, Overloaded, TooLarge
from gewu_intake.domain.admission import Shed

log = logging.getLogger(__name__)


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The broker has it. `id`: the client's own or the one made for it."""

    id: str
    signal_id: str
    token: str


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """It is wrong, and this is everything that is."""

    errors: list[Wrong]


class Unsaid(msgspec.Struct, frozen=True, gc=False):
    """No ack. `unknown`: it may have landed all the same; a repeat under the same id is harmless."""

    id: str
    unknown: bool
    why: str


class NoRoom(msgspec.Struct, frozen=True, gc=False):
    """It was not looked at: there is no room for it now."""

    why: Shed
    lane: Lane


class Broken(msgspec.Struct, frozen=True, gc=False):
    """A fault of ours met it before it was said to the broker; the log tells which."""


Answer = Accepted | Rejected | Unsaid | NoRoom | Broken


class Request:
    """Who sends these reports, and their answers, which leave together when the last one is there."""

    __slots__ = ("_answer", "_found", "_left", "client", "has_key", "rate", "source")

    def __init__(self, key: Key | None, reports: int, answer: Callable[[list[Answer]], None]) -> None:
        if key is None:
            self.client, self.source, self.rate, self.has_key = ids.ANONYMOUS, ids.ANONYMOUS, 0.0, False
        else:
            self.client, self.source, self.rate, self.has_key = key.id, f"key:{key.id}", key.rate, True
        self._answer, self._left = answer, reports
        self._found: list[Any] = [None] * reports

    def put(self, n: int, answer: Answer) -> None:
        """The n-th report's answer; only its first one counts."""
        if self._found[n] is not None:
            return  # a bug met its run, half of which was on its way: all of that was answered then
        self._found[n] = answer
        self._left -= 1
        if not self._left:
            try:
                self._answer(self._found)
            except Exception:
                log.exception("a bug met an answer")  # it hurts no other of its run


class Run:
    """Whose the records of one partition are that are on their way to the broker: a request, and the number and ids there."""

    __slots__ = ("_token", "lane", "whose")

    def __init__(self, lane: Lane, token: Callable[[str], str]) -> None:
        self.lane, self._token = lane, token
        self.whose: list[tuple[Request, int, str, str]] = []

    def settle(self, first: int, end: int, fault: Fault | None) -> None:
        """What the broker said of the records[first:end]."""
        told, token = self.whose[first:end], self._token
        if fault is None:
            if log.isEnabledFor(logging.DEBUG):
                for _, _, _, own in told:
                    log.debug("accepted", extra={"signal": own})
            for request, n, client_id, own in told:
                request.put(n, Accepted(client_id, own, token(own)))
        else:
            for request, n, client_id, _ in told:
                request.put(n, _unsaid(client_id, fault))


def _unsaid(client_id: str, fault: Fault) -> Answer:
    if isinstance(fault, TooLarge):
        return Rejected([Wrong("$", "too_large", str(fault))])
    return Unsaid(client_id, not isinstance(fault, Overloaded), str(fault))
