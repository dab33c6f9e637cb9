"""What follows from an attempt: pure, from its kind, how often it was tried, the time and a chance number.

A spread of 20 % keeps receivers that were away together from being asked together.
"""

from enum import StrEnum

from msgspec import Struct

from gewu.clock import HOUR, SECOND


class Kind(StrEnum):
    """How an attempt ended."""

    TAKEN = "taken"  # 2xx
    GONE = "gone"  # 410: the receiver wants no more
    SLOW_DOWN = "slow_down"  # 429, 502, 503, 504
    REFUSED = "refused"  # any other 4xx
    REDIRECTED = "redirected"  # 3xx: never followed
    BROKEN = "broken"  # any other 5xx, or an answer that is no HTTP
    UNREACHABLE = "unreachable"  # no address, no connection, or it ended before an answer
    NO_TLS = "no_tls"  # a certificate that does not hold
    TIME_OUT = "time_out"
    FORBIDDEN = "forbidden"  # it leads to an address, port or scheme that is not let out


class State(StrEnum):
    """Where a notice stands."""

    OPEN = "open"
    SENT = "sent"
    FAILED = "failed"


class Follows(Struct, frozen=True):
    """What follows. due_at: of an open one, when it is tried again (microseconds). rest_until: the whole receiver is left
    alone until then. disables: the receiver is, until a person says otherwise."""

    state: State
    due_at: int = 0
    rest_until: int = 0
    disables: bool = False


# Seconds before the second attempt, the third …: eight attempts over some 23 hours.
PAUSES_S = (5, 30, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 14 * 3600)
ATTEMPTS = len(PAUSES_S) + 1
# What the receiver itself says no to gets better only if somebody there mends it soon.
FEW = 3
RETRY_AFTER_MOST = HOUR  # microseconds: a receiver may ask for less, not for more
SPREAD = 0.2
_FEW_OF = (Kind.REFUSED, Kind.REDIRECTED, Kind.FORBIDDEN)


def kind_of(status: int) -> Kind:
    """The kind of an answer with this status."""
    if 200 <= status < 300:
        return Kind.TAKEN
    if status == 410:
        return Kind.GONE
    if status in (429, 502, 503, 504):
        return Kind.SLOW_DOWN
    if 300 <= status < 400:
        return Kind.REDIRECTED
    return Kind.REFUSED if 400 <= status < 500 else Kind.BROKEN


def follows(kind: Kind, attempts: int, now: int, chance: float, retry_after_s: float = 0.0) -> Follows:
    """What follows from this attempt, the `attempts`-th; chance: from 0 to 1. A negative or silly Retry-After is none."""
    if kind is Kind.TAKEN:
        return Follows(State.SENT)
    if kind is Kind.GONE:
        return Follows(State.FAILED, disables=True)
    most = FEW if kind in _FEW_OF else ATTEMPTS
    rest = 0
    if kind is Kind.SLOW_DOWN and retry_after_s > 0:
        rest = now + min(int(retry_after_s * SECOND), RETRY_AFTER_MOST)
    if attempts >= most:
        return Follows(State.FAILED, rest_until=rest)
    pause = PAUSES_S[max(attempts, 1) - 1] * (1 + SPREAD * (2 * chance - 1))
    return Follows(State.OPEN, due_at=max(now + int(pause * SECOND), rest), rest_until=rest)
