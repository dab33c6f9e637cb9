"""Whether a run came to rest, without which the judge's word on it would be no last word."""

from gewu.dev.books import Snapshot


def faults(last: Snapshot) -> list[str]:
    """A line for everything that still moves, or is silent, at the look after the wait for it."""
    found = [f"{name} did not answer at the end: nothing can be said of it" for name in last.silent]
    if last.in_flight:
        found.append(f"{last.in_flight} signals are still in flight")
    if last.outbox:
        found.append(f"{last.outbox} events still wait in the outbox")
    return found
