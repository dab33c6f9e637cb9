"""Open cases that no signal can join any more: they stay open, and stand out of the way where joining looks.

Of a city's open cases most are older than their class looks back. On the index's pages they would lie between those that are
looked for, so that each look read a page of its own that no cache held.
"""

from collections.abc import Iterable

from gewu.city import Category
from gewu.clock import HOUR
from gewu_dispatch.domain import joining

Span = tuple[int, int, int]


def rests(category: Category, last_signal_at: int, now: int, late: int) -> bool:
    """Whether no signal can join a case of this class any more that had its last one then; microseconds since 1970.

    late: how old a signal may be that is still read, in microseconds.
    """
    return last_signal_at < now - category.join_within_h * HOUR - late


def spans(categories: Iterable[Category], now: int, late: int) -> list[Span]:
    """For each class the `near` numbers that its cases may have, from the first to before the second, and before which time their
    last signal must have come (microseconds since 1970) so that they rest; of two with the same numbers the longer time."""
    found: dict[tuple[int, int], int] = {}
    for category in categories:
        before = now - category.join_within_h * HOUR - late
        for exercise in (False, True):
            numbers = joining.near_span(category.key, exercise)
            found[numbers] = min(before, found.get(numbers, before))
    return sorted((first, end, before) for (first, end), before in found.items())
