"""Triage: join that open case or open one; which department; by when; why. One pass over a batch, no I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from msgspec import Struct

from gewu import ids
from gewu.city import Calendar, Category, Grid
from gewu_dispatch.domain import joining
from gewu_dispatch.domain.case import Case, Signal, State
from gewu_dispatch.domain.deadline import due
from gewu_dispatch.domain.routing import UNKNOWN, Router

_NOWHERE = joining.Reach()


class Outcome(StrEnum):
    """What became of a new signal."""

    OPENED = "opened"
    JOINED = "joined"


class Located(Struct, frozen=True, gc=False):
    """A signal with what the package says about its words and its place."""

    signal: Signal
    category: Category | None
    grid: Grid | None  # None: this package has no grid there, though the one that intake had did
    kind_of_place: str
    owner: str
    reach: joining.Reach  # of nothing, where it joins nothing


class Decision(Struct, frozen=True, gc=False):
    """A signal's outcome, its case and the reason."""

    located: Located
    outcome: Outcome
    case: Case
    because: str
    distance_m: float | None = None


@dataclass(slots=True)
class Batch:
    """What a batch of signals does to cases: each case that is touched gets one new version."""

    decisions: list[Decision] = field(default_factory=list)
    opened: dict[str, Case] = field(default_factory=dict)
    joined: dict[str, Case] = field(default_factory=dict)
    raised: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Rules:
    """What triage decides by."""

    router: Router
    package_version: str
    calendar: Calendar
    incarnation: int = 0  # of the deployment, as each transaction finds it

    def under(self, incarnation: int) -> "Rules":
        """The same in this incarnation."""
        return replace(self, incarnation=incarnation)


def locate(signal: Signal, category: Category | None, grid: Grid | None, kind_of_place: str, owner: str) -> Located:
    """Put together what is known of a signal; where it may join is reckoned here, once."""
    reach = joining.reach(category, signal) if category and joining.joins(category, signal) else _NOWHERE
    return Located(signal, category, grid, kind_of_place, owner, reach)


def triage(signals: Sequence[Located], candidates: Iterable[Case], rules: Rules, now: int) -> Batch:
    """Decide for every signal, in order; a case opened by one may be joined by the next."""
    batch = Batch()
    nearby: dict[int, list[Case]] = {}
    for case in candidates:
        _remember(case, nearby)
    for located in signals:
        match = _match(located, nearby)
        if match:
            _join(batch, located, match, rules, now)
        else:
            case = _open(located, rules, now)
            batch.opened[case.case_id] = case
            batch.decisions.append(Decision(located, Outcome.OPENED, case, case.routed_because))
            if located.reach.near:
                _remember(case, nearby)
    return batch


def _match(located: Located, nearby: dict[int, list[Case]]) -> joining.Match | None:
    candidates: list[Case] = []
    for key in located.reach.near:
        if found := nearby.get(key):
            candidates += found
    return joining.best(located.category, located.signal, candidates) if located.category and candidates else None


def _remember(case: Case, nearby: dict[int, list[Case]]) -> None:
    if case.near is not None:
        nearby.setdefault(case.near, []).append(case)


def _join(batch: Batch, located: Located, match: joining.Match, rules: Rules, now: int) -> None:
    case, signal = match.case, located.signal
    if case.case_id not in batch.opened and case.case_id not in batch.joined:
        batch.joined[case.case_id] = case
        case.version += 1
        case.incarnation = rules.incarnation  # a restored case goes on under the newer one
    case.signals += 1
    case.changed_at = now
    case.last_signal_at = max(case.last_signal_at, signal.received_at)
    case.object_id = case.object_id or signal.object_id
    if signal.lane < case.lane:
        case.lane = signal.lane
        if case.case_id in batch.joined:
            batch.raised.add(case.case_id)
    batch.decisions.append(Decision(located, Outcome.JOINED, case, match.because, match.distance_m))


def _open(located: Located, rules: Rules, now: int) -> Case:
    signal, category, grid = located.signal, located.category, located.grid
    path = grid.path if grid else ()
    route = rules.router.route(category, located.kind_of_place, path, located.owner, grid.department if grid else "")
    complete_by = due(category.limit, signal.received_at, rules.calendar) if category and category.limit else None
    case = Case(  # in the order of its fields: by their names it takes four times as long
        ids.case_id(signal.signal_id), rules.incarnation, 1, State.ASSIGNED, signal.lane,
        category.key if category else UNKNOWN, signal.lon, signal.lat, grid.id if grid else "", path, signal.home_area,
        route.department, route.because, route.rule_id, signal.object_id, 1, signal.exercise, rules.package_version,
        now, now, signal.received_at, complete_by,
    )  # fmt: skip
    case.near, case.follows = joining.near_key(case), signal.after
    return case
