"""Exact grid look-ups: the city's owner grid and shapely's tree over the same polygons and points, in turns."""

import time

import numpy as np
import shapely

from bench import ground
from bench.processes.words import Words, answer
from gewu.city.owners import OwnerGrid

_TURN = 10


async def work(words: Words) -> Words:
    """Points a second of both, and the share of points on which they agree."""
    shapes = ground.tessellation(words["side"], words["side"])
    names = [f"{n:06d}" for n in range(len(shapes))]
    owners, tree = OwnerGrid(names, list(shapes), range(len(shapes))), shapely.STRtree(shapes)
    west, south, east, north = shapely.total_bounds(shapes)
    chance = np.random.default_rng()
    batches = [
        (chance.uniform(west, east, words["batch"]), chance.uniform(south, north, words["batch"]))
        for _ in range(words["batches"])
    ]
    took, agree = {"owners": 0.0, "tree": 0.0}, 0
    for first in range(0, len(batches), _TURN):
        turn = batches[first : first + _TURN]
        started = time.perf_counter()
        ours = [owners.locate(lons, lats) for lons, lats in turn]
        between = time.perf_counter()
        theirs = [tree.query(shapely.points(lons, lats), predicate="intersects") for lons, lats in turn]
        took["owners"] += between - started
        took["tree"] += time.perf_counter() - between
        agree += sum(_agreeing(mine, held) for mine, held in zip(ours, theirs, strict=True))
    points = len(batches) * words["batch"]
    return {"rate": points / took["owners"], "strtree_rate": points / took["tree"], "agreement": agree / points}


def _agreeing(mine: np.ndarray, held: np.ndarray) -> int:
    """Points whose owner is one of the polygons that hold it, or that none holds and none owns."""
    points, shapes = held
    counts = np.bincount(points, minlength=len(mine))
    right = np.zeros(len(mine), dtype=bool)
    right[points[mine[points] == shapes]] = True
    return int(np.count_nonzero(right | ((counts == 0) & (mine == -1))))


if __name__ == "__main__":
    raise SystemExit(answer(work))
