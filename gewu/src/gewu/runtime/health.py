"""What is wrong right now, by name: readiness is red as long as anything is."""

import time
from collections.abc import Callable, Mapping


class Health:
    """Faults by name. A fault turns readiness red after it has lasted `patience` seconds, so a blip does not."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._faults: dict[str, tuple[str, float, float]] = {}
        self._without: dict[str, str] = {}
        self._monotonic = monotonic

    def bad(self, name: str, why: str, patience: float = 0.0) -> None:
        """Note or renew a fault; the clock runs from the first time, and the shorter patience holds."""
        _, since, before = self._faults.get(name, ("", self._monotonic(), patience))
        self._faults[name] = (why, since, min(patience, before))

    def good(self, name: str) -> None:
        """The fault is gone."""
        self._faults.pop(name, None)

    def without(self, name: str, why: str) -> None:
        """Note what this process does without, and is ready all the same; "" where it has it again."""
        self._without[name] = why

    def lacking(self) -> Mapping[str, str]:
        """What it does without, and why."""
        return {name: why for name, why in self._without.items() if why}

    def red(self) -> Mapping[str, str]:
        """What has been wrong for longer than its patience; empty means ready."""
        now = self._monotonic()
        return {name: why for name, (why, since, patience) in self._faults.items() if now - since >= patience}
