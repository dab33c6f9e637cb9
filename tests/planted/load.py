"""The load under which bugs must show: few places, so that reports join; repeats, conflicts and drills among them."""

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gewu import ids
from gewu.dev.stack import Stack
from tests.support.load import Load

_WORDS = (
    "manhole",
    "暴露垃圾",
    "street vendor",
    "fire lane",
    "street light",
    "noise nuisance",
    "no such word",
    "water manhole",
)
_JOINING = ("manhole", "暴露垃圾", "street light", "noise nuisance", "sewer manhole", "pothole")
_SPOTS = 8
_AGAIN, _OTHERWISE, _DRILL = 0.10, 0.05, 0.05  # of all reports: sent twice, sent again with another text, drills


class Neighbours(Load):
    """People who report the same few things, and some of them twice."""

    def __init__(self, stack: Stack, folder: Path, *, rate: float = 120.0, seed: int = 1) -> None:
        super().__init__(stack, folder, rate=rate, seed=seed)
        self._places = self._random.sample(self._places, _SPOTS)
        self._sent: list[dict[str, Any]] = []

    def sent(self, category: str) -> list[dict[str, Any]]:
        """What was reported under this word so far, drills left out."""
        return [r for r in self._sent if r["category"] == category and not r.get("exercise")]

    def things(self, count: int) -> list[dict[str, Any]]:
        """A report of each of so many things, for `again_and_again`; of several classes, and so in several partitions."""
        words = itertools.islice(itertools.cycle(_JOINING), count)
        return [self.report() | {"category": word, "exercise": False} for word in words]

    async def again_and_again(self, thing: dict[str, Any], ends: float) -> None:
        """Report one thing, under a new id each time, as fast as the answers come."""
        while asyncio.get_running_loop().time() < ends:
            await super().ship([thing | {"id": ids.new_client_id()}])

    def report(self) -> dict[str, Any]:
        report = super().report() | {"category": self._random.choice(_WORDS)}
        return report | {"exercise": True} if self._random.random() < _DRILL else report

    async def ship(self, reports: Sequence[dict[str, Any]], seconds: float = 30.0) -> None:
        await super().ship(reports, seconds)
        self._sent += reports
        again = [r for r in reports if self._random.random() < _AGAIN]
        otherwise = [r | {"text": "on second thoughts"} for r in reports if self._random.random() < _OTHERWISE]
        if again or otherwise:
            await asyncio.sleep(self._random.uniform(0.1, 0.8))
            await super().ship([*again, *otherwise], seconds)
