"""What people see of a run: lines, one after another, or a screen that stays (see gewu.dev.screen)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gewu.city import City
from gewu.dev.books import Snapshot
from gewu.dev.columns import left, width
from gewu.dev.measuring import Measured
from gewu.dev.replay import Tally
from gewu.dev.watch import Watch

_QUIET_S = 60.0  # a line this often while nothing moves


@dataclass(slots=True)
class Scene:
    """What is shown: a city, how it stood at the start, and where everything answers."""

    city: City
    first: Snapshot
    addresses: Mapping[str, str]
    tally: Tally
    measured: Measured = field(default_factory=Measured)
    sending: bool = False
    day_begun: float = 0.0  # seconds of this run; with `day_s` they tell the hour that is played
    day_s: float = 0.0


class View(Protocol):
    """Hears of everything that happens."""

    def say(self, line: str) -> None:
        """One message."""

    def begin(self, scene: Scene) -> None:
        """Everything is up."""

    def show(self, seconds: float, now: Snapshot) -> None:
        """A look, so many seconds after the start."""

    def end(self) -> None:
        """No more looks; harmless without a beginning."""


class Lines:
    """Plain lines, for logs and pipes and those who like them."""

    def __init__(self, print_: Callable[[str], None]) -> None:
        self.say = print_
        self._scene: Scene | None = None
        self._watch: Watch | None = None
        self._printed = -_QUIET_S

    def begin(self, scene: Scene) -> None:
        """See View."""
        self._scene, self._watch = scene, Watch(scene.first)
        places = max(map(width, scene.addresses), default=0) + 2
        rows = (f"  {left(name, places)}{text}" for name, text in scene.addresses.items())
        for line in ("", "格务 Gewu is up 已启动", *rows, ""):
            self.say(line)

    def show(self, seconds: float, now: Snapshot) -> None:
        """See View."""
        assert self._scene and self._watch
        if self._scene.sending or self._watch.moved(now) or seconds - self._printed >= _QUIET_S:
            for line in self._watch.lines(seconds, now):
                self.say(line)
            self._printed = seconds

    def end(self) -> None:
        """See View."""
