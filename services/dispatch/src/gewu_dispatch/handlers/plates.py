"""Sealed plates of a batch: those that a rule of the package asks for; of any other nothing is kept but a count."""

import logging
from collections.abc import Iterable

from gewu.city import City
from gewu.clock import from_micros
from gewu_dispatch.domain.case import Plate, Signal
from gewu_dispatch.domain.plate import Kept, keep
from gewu_dispatch.metrics import Metrics
from gewu_dispatch.store.plates import Found

log = logging.getLogger(__name__)


class Plates:
    """Knows the rules of one package, few as they are."""

    def __init__(self, city: City, metrics: Metrics) -> None:
        self._city, self._metrics = city, metrics

    def asked(self, signals: Iterable[Signal]) -> list[Found]:
        """The plates among these signals' boxes that are kept, each with its rule's purpose."""
        found = []
        for s in signals:
            plate = s.sealed
            if type(plate) is not Plate:
                continue
            rule = next((r for r in self._city.scenes.plates if r.id == plate.rule), None)
            answer = keep(rule, s.source, from_micros(s.observed_at).astimezone(self._city.timezone).date())
            self._metrics.plates[answer].inc()
            if rule and answer is Kept.KEPT:
                camera = s.source.removeprefix("camera:")
                found.append(Found(s.signal_id, plate.key_id, plate.box, rule.id, rule.purpose, camera))
            else:
                log.warning("a sealed plate is not kept", extra={"signal": s.signal_id, "because": str(answer)})
        return found
