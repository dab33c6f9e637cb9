"""Joining: whether a signal belongs to a case that is open already, near in place and time and of the same class."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from zlib import crc32

from msgspec import Struct

from gewu import geo
from gewu.city import Category
from gewu.clock import HOUR
from gewu_dispatch.domain.case import Case, Signal

# Candidates are read by fine cells (few rows a signal), which are fixed: a radius that changes with a package must not
# move the cells of cases that are already open.
FINE_M = 100.0
# Locks are taken on the smallest of these cells that the radius allows. With one size of a kilometre for all, and few
# numbers, nearly every batch waited for another partition's that had nothing in common with it (60 to 230 ms each).
LOCK_CELLS_M = (FINE_M, 256.0, 1024.0)  # the first is that of the look, so that most cells are reckoned once
# A circle of this part of a cell touches at most four up to 85° of latitude. Not half of it: columns narrow towards the
# poles and the look around a point is a little wide, so that at exactly half it took five or six locks.
_SHARE_OF_CELL = 500 / 1024
LARGEST_RADIUS_M = 500.0
_CELL_BITS = 37  # of a `near` number; those above them are the class's
LOCKS = 2**32
LOCKS_PER_SIGNAL = 4
LOCKS_AT_ONCE = 4000  # in one transaction; a larger batch is split, because the server's lock table has an end


class Because(StrEnum):
    """Closed list of reasons for joining."""

    SAME_OBJECT = "same_object"
    NEAR = "near"


class Match(Struct, frozen=True):
    """The case to join, why, and how far away it is in metres."""

    case: Case
    because: Because
    distance_m: float


class Reach(Struct, frozen=True, gc=False):
    """`near` numbers of cases that a signal could join, and advisory lock numbers (signed, of 32 bits)."""

    near: Sequence[int] = ()
    locks: Sequence[int] = ()


def joins(category: Category | None, signal: Signal) -> bool:
    """Whether signals like this one look for an open case at all."""
    return category is not None and category.join_radius_m > 0 and signal.lon is not None


def reach(category: Category, signal: Signal) -> Reach:
    """Where this signal may find its case, and what it locks meanwhile: every cell that its radius touches."""
    assert signal.lon is not None and signal.lat is not None
    radius = category.join_radius_m
    side, of_class = _lock_side(radius), _class_bits(category.key, signal.exercise)
    near = held = _numbers(of_class, geo.cells_within(signal.lon, signal.lat, radius, FINE_M))
    if side != FINE_M:
        held = _numbers(of_class, geo.cells_within(signal.lon, signal.lat, radius, side))
    begun = int(side)  # cells of two sides are not each other's
    return Reach(near, [crc32(n.to_bytes(8, "little"), begun) - LOCKS // 2 for n in held])


def _numbers(of_class: int, cells: Iterable[tuple[int, int]]) -> list[int]:
    return [of_class | (row & 0x3FFFF) << 19 | column & 0x7FFFF for row, column in cells]


@lru_cache(1 << 8)
def _lock_side(radius_m: float) -> float:
    """The side of the cells to lock."""
    return next(side for side in LOCK_CELLS_M if radius_m <= side * _SHARE_OF_CELL)


def near_key(case: Case) -> int | None:
    """The `near` number of a case: 26 bits of its class, 37 of its fine cell; None where it has no position."""
    if case.lon is None or case.lat is None:
        return None
    (found,) = _numbers(_class_bits(case.category, case.exercise), [geo.cell(case.lon, case.lat, FINE_M)])
    return found


def near_span(category: str, exercise: bool) -> tuple[int, int]:
    """The `near` numbers that cases of this class may have: from the first to before the second."""
    first = _class_bits(category, exercise)
    return first, first + (1 << _CELL_BITS)


def best(category: Category, signal: Signal, candidates: Iterable[Case]) -> Match | None:
    """The open case to join: of the same object, else the nearest within radius and time; ties go to the older."""
    found: list[tuple[bool, float, Case]] = []
    since = signal.received_at - category.join_within_h * HOUR
    for case in candidates:
        if case.last_signal_at < since or not case.is_open:
            continue
        if case.category != category.key or case.exercise != signal.exercise:
            continue
        distance = geo.metres(signal.lon, signal.lat, case.lon, case.lat)  # type: ignore[arg-type]
        if distance > category.join_radius_m:
            continue
        if signal.object_id and case.object_id and signal.object_id != case.object_id:
            continue  # two things side by side
        found.append((not (signal.object_id and signal.object_id == case.object_id), distance, case))
    if not found:
        return None
    other, distance, case = found[0]
    if len(found) > 1:
        other, distance, case = min(found, key=lambda f: (f[0], round(f[1], 1), f[2].opened_at, f[2].case_id))
    return Match(case, Because.NEAR if other else Because.SAME_OBJECT, distance)


def _kind(category: str, exercise: bool) -> str:
    """A drill never joins a real case."""
    return f"{category}!" if exercise else category


@lru_cache(1 << 12)
def _class_bits(category: str, exercise: bool) -> int:
    return (crc32(_kind(category, exercise).encode()) & 0x3FF_FFFF) << _CELL_BITS
