"""Which plate is asked for, and by which rule; every other plate is a number in a count."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from gewu.city.scene import PlateRule
from gewu.clock import SECOND

# A rule that matches more than this share of the plates that it sees does not look for somebody any more.
LARGEST_SHARE = 0.2
# So many plates must have been seen, and so many matched, before a share means anything.
_SEEN, _MATCHED = 20, 5
# The same plate under the same rule within this time is the same occurrence.
AGAIN_S = 600


class Asked(StrEnum):
    """What becomes of a plate that a rule names."""

    DETECTED = "detected"  # said now
    STANDING = "standing"  # said before, seen again
    NOT_IN_FORCE = "not_in_force"  # before its first day or after its last
    OTHER_CAMERA = "other_camera"
    SUSPENDED = "suspended"  # it matches too large a share
    UNSEALED = "unsealed"  # there is no key to seal it under


@dataclass(slots=True)
class Tally:
    """How many plates a rule has seen, and how many of them it matched."""

    seen: int = 0
    matched: int = 0

    @property
    def is_too_wide(self) -> bool:
        """Whether the rule matches too large a share to be what two persons approved."""
        enough = self.seen >= _SEEN and self.matched >= _MATCHED
        return enough and self.matched > LARGEST_SHARE * self.seen


@dataclass(slots=True)
class Standing:
    """The rules of a package with their tallies, and the occurrences of asked plates that go on.

    Of a plate that no rule asks for nothing is in here; of one that a rule asks for, each camera by itself and until it has not
    been seen there for AGAIN_S. suspended: for good, under this id; a mended rule is another one, approved anew.
    """

    rules: dict[str, PlateRule]
    tallies: dict[str, Tally] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    _since: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for id in self.rules:
            self.tallies[id] = Tally()

    def in_force(self, camera: str, day: date) -> list[PlateRule]:
        """Rules that hold for this camera on that day and are not suspended; without any no plate is read there."""
        return [
            rule
            for rule in self.rules.values()
            if camera in rule.cameras and rule.in_force(day) and rule.id not in self.suspended
        ]

    def suspend(self, rule: str) -> None:
        """No plate of this rule is looked for any more, and what is known of its occurrences is forgotten."""
        self.suspended.add(rule)
        self._since = {key: times for key, times in self._since.items() if key[0] != rule}

    def too_wide(self) -> Sequence[str]:
        """Rules that match too large a share and are not suspended yet; with this call they are."""
        found = [id for id, tally in self.tallies.items() if tally.is_too_wide and id not in self.suspended]
        for id in found:
            self.suspend(id)
        return found

    def counted(self, camera: str, read: int, day: date) -> None:
        """So many plates were read at this camera, whoever they belong to."""
        for rule in self.in_force(camera, day):
            self.tallies[rule.id].seen += read

    def judge(self, rule: PlateRule, camera: str, plate: str, now: int, day: date) -> tuple[int, Asked]:
        """Since when the occurrence goes on (microseconds), and what becomes of a plate that this rule names."""
        if camera not in rule.cameras:
            return now, Asked.OTHER_CAMERA
        if not rule.in_force(day):
            return now, Asked.NOT_IN_FORCE
        if rule.id in self.suspended:
            return now, Asked.SUSPENDED
        # By camera: what goes on here says nothing of where the car was before. And nothing is kept that is over.
        self._since = {key: times for key, times in self._since.items() if now - times[1] <= AGAIN_S * SECOND}
        found = self._since.get((rule.id, camera, plate))
        goes_on = found is not None
        if not goes_on:
            self.tallies[rule.id].matched += 1
        if self.tallies[rule.id].is_too_wide:
            return now, Asked.SUSPENDED
        since = found[0] if found is not None and goes_on else now
        self._since[rule.id, camera, plate] = since, now
        return since, Asked.STANDING if goes_on else Asked.DETECTED
