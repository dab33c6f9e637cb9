"""Exact look-ups of the grid that owns a point, held against shapely's STRtree."""

from bench.variant import Figures, Run, Variant
from bench.world import Fault

GROUP = "grid"
SIDE, BATCH, BATCHES = 100, 500, 200


def words(batches: int) -> dict[str, int]:
    """What the process is told that looks up so many batches."""
    return {"side": SIDE, "batch": BATCH, "batches": batches}


async def run(run: Run) -> Figures:
    """Both in one process, in turns. Fault unless they agree on every point."""
    found = await run.world.process("processes.locate", words(BATCHES))
    if found["agreement"] != 1.0:
        raise Fault(f"owner grid and STRtree agree on {found['agreement']:.6%} of the points only")
    return found


def variants() -> list[Variant]:
    """The one."""
    says = f"{SIDE**2:,} irregular polygons, batches of {BATCH}, owner grid ÷ STRtree bulk"
    return [Variant("grid", GROUP, says, run)]
