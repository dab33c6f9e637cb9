"""`python -m tests.trouble`: every family on the real servers, round after round, each with seeds of its own."""

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import machine
from tests.trouble import page
from tests.trouble.families import FAMILIES, IN_ROUNDS
from tests.trouble.play import Family, Result, play
from tests.trouble.world import World

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "cities" / "demo"
KNOWN = FAMILIES | IN_ROUNDS
_FOR_A_PAGE = 10


def main() -> int:
    """Exit code: 0 when every run was as it must be, and the page that was asked for is written."""
    parser = argparse.ArgumentParser(prog="python -m tests.trouble", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often; each round has seeds of its own")
    parser.add_argument("--only", action="append", default=[], metavar="WORDS", help="families whose name holds this")
    parser.add_argument("--seed", type=int, default=1, help="the first round's")
    parser.add_argument("--page", type=Path, help=f"write the table here, after {_FOR_A_PAGE} rounds of all families")
    words = parser.parse_args()
    chosen = [name for name in KNOWN if not words.only or any(only in name for only in words.only)]
    if not chosen:
        parser.error(f"no such family; there are: {', '.join(KNOWN)}")
    commit = machine.commit(ROOT)  # of the beginning: ten rounds take an hour, and the tree may move on
    results = asyncio.run(rounds(chosen, range(words.seed, words.seed + words.rounds)))
    whole = not words.only and words.rounds >= _FOR_A_PAGE
    return tell(results, words.page if whole else None, commit)


def tell(results: Sequence[Result], file: Path | None, commit: str = "") -> int:
    """What it came to, on the terminal and in the page's file if there is one to write; returns the exit code.

    A page says that every family was met. Where one was skipped it is not written, and that is no success.
    """
    good, skips = all(result.good for result in results), page.skips(results)
    if skips:
        print(skips)
    elif file:
        file.write_text(page.text(results, {name: deed(family) for name, family in KNOWN.items()}, commit))
    print(json.dumps(page.sums(results)))
    return 0 if good and not (skips and file) else 1


async def rounds(chosen: Sequence[str], seeds: Sequence[int]) -> list[Result]:
    """A world a round, and a new one after a run that went wrong: what it left behind is nobody else's fault."""
    results: list[Result] = []
    for seed in seeds:
        left = list(chosen)
        while left:
            folder = Path(tempfile.mkdtemp(prefix="trouble-"))
            # The client library says much about a broker that is being harmed.
            logging.basicConfig(filename=folder / "harness.log", force=True, format="%(asctime)s %(name)s %(message)s")
            async with World(folder, DEMO) as world:
                while left:
                    name = left.pop(0)
                    results.append(await play(world, name, KNOWN[name], seed))
                    print(page.line(results[-1]), flush=True)
                    if not results[-1].good:
                        break
            if results[-1].good and not os.environ.get("KEEP"):
                shutil.rmtree(folder)
            else:
                print(f"logs and ledgers of that world: {folder}", flush=True)
    return results


def deed(family: Family) -> str:
    """What a family does, in its own words."""
    return " ".join((family.__doc__ or "").split())


if __name__ == "__main__":
    sys.exit(main())
