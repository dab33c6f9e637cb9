"""Runs a service whose metrics observe nothing: `python -m bench.silent gewu_intake`. What metrics cost is the rest.

The services have no switch for this, and need none: it is only here that anyone wants to be blind.
"""

import runpy
import sys

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from gewu.runtime.instruments import Cell, Count
from gewu.runtime.metering import Meter


def _nothing(*_: object, **__: object) -> None:
    return None


def silence() -> None:
    """Every observation of this process returns at once, and labels are not even looked up."""
    for kind, deeds in ((Counter, ("inc",)), (Gauge, ("inc", "dec", "set", "set_function")), (Histogram, ("observe",))):
        for deed in deeds:
            setattr(kind, deed, _nothing)
    for own, deeds in (
        (Count, ("inc",)),
        (Cell, ("observe", "observe_all")),
        (Meter, ("acked", "answered", "refused")),
    ):
        for deed in deeds:
            setattr(own, deed, _nothing)
    MetricWrapperBase.labels = lambda self, *_, **__: self


def main() -> None:
    """Run the module that is named first as its own main program."""
    silence()
    sys.argv.pop(0)
    runpy.run_module(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
