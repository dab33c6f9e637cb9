"""Open cases that no signal can join any more: they stay open, and leave the index by which joining looks.

Nine of ten open cases of a city are older than any class looks back. In that index they would stand between those that are looked
for, so that each look read a page of its own that no cache held.
"""

from collections.abc import Iterable

from gewu.city import Category
from gewu.clock import HOUR
from gewu_dispatch.domain import joining

# So much longer than its class looks back: a backlog as old as this joins as if it had come in time. What is older still opens
# another case.
LATE_US = 48 * HOUR

Span = tuple[int, int, int]


def rests(category: Category, last_signal_at: int, now: int) -> bool:
    """Whether no signal can join a case of this class any more that had its last one then; microseconds since 1970."""
    return last_signal_at < now - category.join_within_h * HOUR - LATE_US


def spans(categories: Iterable[Category], now: int) -> list[Span]:
    """For each class the `near` numbers that its cases may have, from the first to before the second, and before which time their
    last signal must have come (microseconds since 1970) so that they rest; of two with the same numbers the longer time."""
    found: dict[tuple[int, int], int] = {}
    for category in categories:
        before = now - category.join_within_h * HOUR - LATE_US
        for exercise in (False, True):
            numbers = joining.near_span(category.key, exercise)
            found[numbers] = min(before, found.get(numbers, before))
    return sorted((first, end, before) for (first, end), before in found.items())
