"""Lights (红绿灯): how a case stands to its deadline, as the city's package colours it. Never stored: `now` decides."""

from enum import StrEnum

from msgspec import Struct

from gewu.city import City, Lights
from gewu.clock import HOUR
from gewu_dispatch.domain.deadline import counted

_NO_LIGHT = "none"


class Situation(StrEnum):
    """Closed list of how a case may stand; all but the last are the rows of lights.csv."""

    DONE_IN_TIME = "done_in_time"
    DONE_LATE = "done_late"
    NOT_NEAR = "not_near"
    NEAR = "near"
    OVERDUE = "overdue"
    STUCK = "stuck"
    WITHOUT_LIMIT = "without_limit"


class Spell(Struct, frozen=True, gc=False):
    """What of a case's work its light asks for; times in microseconds since 1970."""

    category: str
    begun: int
    due: int | None
    ended: int | None  # when its department had handled it, where it stands handled
    returns: int = 0  # how often a department gave it back


class Light(Struct, frozen=True, gc=False):
    """A colour, why, and what must follow (check 核查, explanation 说明, dossier 倒查)."""

    colour: str
    situation: Situation
    follows: tuple[str, ...] = ()


class Lighting:
    """The lights of one city package."""

    def __init__(self, city: City) -> None:
        self._city = city

    @property
    def are_on(self) -> bool:
        """Whether the package has lights at all."""
        return self._city.lights is not None

    def of(self, spell: Spell, now: int) -> Light | None:
        """The light of a case; None where the package has no lights."""
        policy = self._city.lights
        if policy is None:
            return None
        found = self.situation(spell, policy, now)
        if found is Situation.WITHOUT_LIMIT:
            return Light(_NO_LIGHT, found)
        shown = policy.shown[found]
        return Light(shown.light, found, shown.follows)

    def situation(self, spell: Spell, policy: Lights, now: int) -> Situation:
        """How it stands. Near is a share of the counted time, so that nights and weekends bring no deadline nearer."""
        due = spell.due
        if spell.ended is None and policy.stuck_returns and spell.returns >= policy.stuck_returns:
            return Situation.STUCK
        if due is None:
            return Situation.WITHOUT_LIMIT
        if spell.ended is not None:
            return Situation.DONE_IN_TIME if spell.ended <= due else Situation.DONE_LATE
        if policy.stuck_after_h and now > due + round(policy.stuck_after_h * HOUR):
            return Situation.STUCK
        if now > due:
            return Situation.OVERDUE
        return Situation.NEAR if self._used(spell, due, now) >= policy.near else Situation.NOT_NEAR

    def _used(self, spell: Spell, due: int, now: int) -> float:
        """The share of its time that is over: in the unit of its class today, or by the clock where none of that is left."""
        category = self._city.categories.get(spell.category)
        unit = category.limit.unit if category and category.limit else ""
        if whole := counted(unit, spell.begun, due, self._city.calendar):
            return counted(unit, spell.begun, now, self._city.calendar) / whole
        return (now - spell.begun) / max(due - spell.begun, 1)
