"""A request's reports on their way, and what may become of each."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from gewu import ids
from gewu.lane import Lane
from gewu.runtime.keys import Key
from gewu.runtime.problem import Wrong
from gewu.runtime.producer import Fault, Unknown
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

    __slots__ = ("_answer", "_found", "_left", "_token", "client", "has_key", "rate", "source")

    def __init__(
        self, key: Key | None, reports: int, token: Callable[[str], str], answer: Callable[[list[Answer]], None]
    ) -> None:
        if key is None:
            self.client, self.source, self.rate, self.has_key = ids.ANONYMOUS, ids.ANONYMOUS, 0.0, False
        else:
            self.client, self.source, self.rate, self.has_key = key.id, f"key:{key.id}", key.rate, True
        self._answer, self._token, self._left = answer, token, reports
        self._found: list[Any] = [None] * reports

    def put(self, n: int, answer: Answer) -> None:
        """The n-th report's answer."""
        self._found[n] = answer
        self._left -= 1
        if not self._left:
            self._answer(self._found)

    def said(self, n: int, client_id: str, signal_id: str) -> None:
        """The n-th report is on its way to the broker under these ids."""
        self._found[n] = client_id, signal_id

    def settle(self, n: int, fault: Fault | None) -> None:
        """What the broker said of the n-th."""
        client_id, own = self._found[n]
        if fault is not None:
            self.put(n, Unsaid(client_id, isinstance(fault, Unknown), str(fault)))
            return
        if log.isEnabledFor(logging.DEBUG):
            log.debug("accepted", extra={"signal": own})
        self.put(n, Accepted(client_id, own, self._token(own)))
