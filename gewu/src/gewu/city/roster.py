"""Who is on duty in a grid on a day, and who stands in for whom (AB岗)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the city's staff: what the roster needs to name, and nothing else. deputy: "" where there is none."""

    id: str
    label_zh: str
    label_en: str
    department: str
    deputy: str


@dataclass(frozen=True, slots=True)
class Duty:
    """A person's duty (值守) in a grid and in all below it; both days included, None without end."""

    grid: str
    role: str
    person: str
    valid_from: date | None
    valid_to: date | None

    def valid_on(self, day: date) -> bool:
        """Say whether it stands on that day of the city's calendar."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Absence:
    """Days on which a person is away, both included."""

    person: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who is there, for which grid the duty was given, and whose duty it is where a deputy has it."""

    person: Person
    grid: str
    instead_of: Person | None = None


class Roster:
    """People, their duties and their absences."""

    def __init__(self, people: Mapping[str, Person], duties: Sequence[Duty], absences: Sequence[Absence]) -> None:
        self.people, self.duties = people, tuple(duties)
        self._of: dict[tuple[str, str], list[Duty]] = defaultdict(list)
        for duty in duties:
            self._of[duty.grid, duty.role].append(duty)
        self._away: dict[str, list[Absence]] = defaultdict(list)
        for absence in absences:
            self._away[absence.person].append(absence)

    @property
    def roles(self) -> list[str]:
        """Give the roles in which somebody has a duty."""
        return sorted({duty.role for duty in self.duties})

    def is_away(self, person: str, day: date) -> bool:
        """Say whether that person is away on that day."""
        return any(absence.first <= day <= absence.last for absence in self._away.get(person, ()))

    def on_duty(self, path: Sequence[str], role: str, day: date) -> list[OnDuty]:
        """Give who is there in this role for the last grid of a path, each once.

        The nearest grid counts in which somebody is there: a person, or whoever stands in for one. Empty where nobody is.
        """
        for grid in reversed(path):
            duties = [duty for duty in self._of.get((grid, role), ()) if duty.valid_on(day)]
            found = [there for duty in duties if (there := self._there(duty, day))]
            if found:
                # Who has two duties there is named once, and in the own right where one of them is.
                own = sorted(found, key=lambda there: there.instead_of is None)
                return list({there.person.id: there for there in own}.values())
        return []

    def _there(self, duty: Duty, day: date) -> OnDuty | None:
        """The person of this duty, or the first of their deputies who is there."""
        asked, seen = duty.person, set[str]()
        while asked and asked not in seen:
            if not self.is_away(asked, day):
                instead_of = None if asked == duty.person else self.people[duty.person]
                return OnDuty(self.people[asked], duty.grid, instead_of)
            seen.add(asked)
            asked = self.people[asked].deputy
        return None
