"""The small and the large city in turns."""

from collections.abc import Sequence
from typing import Any, cast

from bench.measures.growth import City, Turns
from bench.variant import Figures, Run

_RUN = cast(Run, None)


class Given:
    """A city whose turns take what they are told to; `said` notes the order."""

    def __init__(self, name: str, us: Sequence[float], said: list[str]) -> None:
        self._name, self._us, self._said = name, iter(us), said

    async def settle(self) -> Figures:
        """The next turn."""
        self._said.append(self._name)
        return {"us_per_report": next(self._us)}

    async def take(self, _: Run) -> Figures:
        """Intake's part."""
        return {"intake_cpu_us": len(self._name)}


def turns(small: Sequence[float], large: Sequence[float], said: list[str]) -> Turns:
    """Of cities with these times."""
    return Turns(*cast(tuple[City, City], (Given("small", small, said), Given("larger", large, said))))


async def test_cities_take_turns_and_each_has_the_middle_one_of_its_own() -> None:
    said: list[Any] = []
    made = turns((40, 90, 50, 60, 61, 62), (55, 54, 99, 70, 80, 75), said)
    assert await made.small(_RUN) == {"us_per_report": 50, "intake_cpu_us": 5}
    assert await made.large(_RUN) == {"us_per_report": 55, "intake_cpu_us": 6}
    assert said == ["small", "larger", "larger", "small", "small", "larger"], "neither is always the first"
    assert await made.small(_RUN) == {"us_per_report": 61, "intake_cpu_us": 5}
    assert await made.large(_RUN) == {"us_per_report": 75, "intake_cpu_us": 6}, "of the next round"
