"""What a service's masker tells its metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from gewu.mask.client import Lost, Told
from gewu.runtime.instruments import TIME_BUCKETS, Spread, Tally

_SECONDS = (
    "From a picture's way into the masker to its answer. Worry above 5 s at p99: pictures wait, or one is hostile."
)
_COVERED = (
    "Areas covered, faces and plates together. Worry when pictures come and it stands still for a day: it may be blind."
)
_LOST = (
    "Children of the masker that were replaced, by reason. Worry when it grows: somebody sends what breaks decoders."
)
_UP = "1 while there is a masker. Worry at 0: no picture is stored; /readyz says why."
_WAITING = "Pictures that wait for the masker. Worry when it stays at 8: uploads are refused."


class MaskMetrics:
    """Counts of one masker; `standing` hears why there is none as well."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Spread("gewu_mask_seconds", _SECONDS, [], TIME_BUCKETS, registry)
        self._covered = Tally("gewu_mask_covered", _COVERED, [], registry)
        self._lost = Tally("gewu_mask_lost", _LOST, ["why"], registry)
        self._up = Gauge("gewu_mask_up", _UP, registry=registry)
        self._waiting = Gauge("gewu_mask_waiting", _WAITING, registry=registry)
        for why in Lost:
            self._lost.labels(str(why))

    def told(self, standing: Callable[[str], None]) -> Told:
        """What the masker is given."""

        def masked(seconds: float, covered: int) -> None:
            self._seconds.observe(seconds)
            self._covered.inc(covered)

        def stands(fault: str) -> None:
            self._up.set(not fault)
            standing(fault)

        return Told(masked, lambda why: self._lost.labels(str(why)).inc(), stands)

    def follow(self, waiting: Callable[[], int]) -> None:
        """Read there at each scrape how many wait."""
        self._waiting.set_function(waiting)
