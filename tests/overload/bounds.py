"""What must hold under overload, and whether it did."""

from typing import NamedTuple

from tests.overload.backlog import Overtook
from tests.overload.flood import MEMORY_MIB, Fared

REFUSED_MS = 20
AFTER_MS = 250  # as of `gewu load`, where no other is said


class Bound(NamedTuple):
    """A bound in words, what was measured, and whether it held."""

    what: str
    measured: str
    held: bool


def bounds(fared: Fared, overtook: Overtook, bound: int) -> list[Bound]:
    """All of them; `bound` is intake's own, in reports a second."""
    goodput, late = fared.goodput, fared.refusals_p99
    return [
        Bound("goodput of at least 90 % of intake's bound", f"{goodput:,.0f} reports/s", goodput >= 0.9 * bound),
        Bound(f"refusals within {REFUSED_MS} ms (p99)", f"{late * 1000:.1f} ms", late * 1000 <= REFUSED_MS),
        Bound(f"memory of intake below {MEMORY_MIB} MiB", f"{fared.memory:.0f} MiB", fared.memory < MEMORY_MIB),
        Bound("no p0 is refused", f"{fared.urgent_refused} refused", fared.urgent_refused == 0),
        Bound("2 s later four fifths of the bound are all taken", f"{fared.share_after:.1%}", fared.share_after == 1.0),
        Bound(
            f"and answered within {AFTER_MS} ms (p99)",
            f"{fared.p99_after * 1000:.1f} ms",
            fared.p99_after * 1000 <= AFTER_MS,
        ),
        Bound(
            "each fire is at its department within 1 s",
            f"{overtook.seconds:.2f} s the slowest of {overtook.fires}, {overtook.median:.2f} s the middle one",
            overtook.seconds <= 1.0,
        ),
        Bound(
            "half of the ordinary ones still wait when the first is there",
            f"{overtook.waiting:,} of {overtook.behind:,}",
            overtook.waiting >= overtook.behind / 2,
        ),
    ]
