"""Who must hear of a change of a case: a pure decision from the fact, the city's rules and now."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from gewu.city.model import ANY, NoticeRule, Receiver
from gewu.lane import Lane


class Because(StrEnum):
    """Why somebody is told, or nobody is."""

    RULE = "rule"
    NO_RULE = "no_rule"
    DRILL = "drill"  # a rule names receivers, and none of them hears of drills, or hears of nothing else
    TOO_OLD = "too_old"  # news of yesterday: a new service reads a log of thirty days


class Fact(Struct, frozen=True):
    """A version of a case, as far as a plan asks. changed_at: microseconds since 1970."""

    event_id: str
    change: str
    case_id: str
    incarnation: int
    version: int
    lane: Lane
    category: str
    department: str
    grid_path: tuple[str, ...]
    exercise: bool
    changed_at: int
    body: bytes  # as it is told
    left: tuple[str, ...] = ()  # departments that had the case before and do not have it any more
    gone: bytes = b""  # as those are told who hear only that it left
    partition: int = 0
    offset: int = 0


class Told(Struct, frozen=True):
    """A receiver that must hear of it, and the first rule that says so. left: only that the case left the rule's department,
    and nothing of where it is now."""

    receiver: str
    rule: str
    left: bool = False


class Plan(Struct, frozen=True):
    """Who is told, each receiver once, and why; nobody, and why not."""

    told: tuple[Told, ...]
    because: Because


class Directory:
    """The city's rules and receivers."""

    def __init__(self, rules: Sequence[NoticeRule], receivers: Mapping[str, Receiver], oldest: int) -> None:
        """oldest: microseconds after which a change is no news any more."""
        self._rules, self._receivers, self.oldest = rules, receivers, oldest

    def plan(self, fact: Fact, now: int) -> Plan:
        """Decide. Every rule that matches counts, each receiver once: the first rule that names it is the reason. One that
        matches only with a department that the case left says no more than that, and only where no other rule matches."""
        told: dict[str, Told] = {}
        matched = False
        for departments, left in (((fact.department,), False), (fact.left, True)):
            for rule in self._rules if departments else ():
                if rule.receiver in told or not _takes(rule, fact, departments):
                    continue
                matched = True
                # A drill never reaches a real receiver, and a receiver of drills is never alarmed by the real thing.
                if self._receivers[rule.receiver].drills is fact.exercise:
                    told[rule.receiver] = Told(rule.receiver, rule.id, left)
        if not told:
            return Plan((), Because.DRILL if matched else Because.NO_RULE)
        if now - fact.changed_at > self.oldest:
            return Plan((), Because.TOO_OLD)
        return Plan(tuple(told.values()), Because.RULE)


def _takes(rule: NoticeRule, fact: Fact, departments: Sequence[str]) -> bool:
    return (
        (not rule.changes or fact.change in rule.changes)
        and rule.lane in (ANY, fact.lane.label)
        and rule.department in (ANY, *departments)
        and (rule.grid == ANY or rule.grid in fact.grid_path)
        and rule.takes_category(fact.category)
    )
