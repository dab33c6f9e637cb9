"""`python -m tests.plates`: find and read the plates of a labelled folder; a table, then one line of JSON."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from gewu.vision.models import SETTING, ModelMissing
from gewu.vision.plates import PlateFinder
from gewu_video.reading.reader import Reader
from tests.plates import labels
from tests.plates.score import Crops, Score, judge

SHARED = Path(__file__).resolve().parents[3] / "shared"
BLUE = 0.97  # exact on blue; below it the exit code is 1
GOOD, BAD, NOT_JUDGED = 0, 1, 2


def main() -> int:
    """0: blue plates are read as well as they must be; 1: they are not; 2: it could not be judged."""
    parser = argparse.ArgumentParser(prog="python -m tests.plates", description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED / "eval" / "plates", help="folder with a labels.csv")
    parser.add_argument(
        "--models", type=Path, default=Path(os.environ.get(SETTING) or SHARED / "models"), help=f"[{SETTING}]"
    )
    args = parser.parse_args()
    began = time.monotonic()
    try:
        found = labels.read(args.data)
        reader = Reader(args.models)
        score = judge(found, PlateFinder(folder=args.models), reader)
    except (labels.WrongFolder, ModelMissing, ValueError) as fault:
        print(f"plates: {fault}", file=sys.stderr)
        return NOT_JUDGED
    print("\n".join(table(score)))
    print(
        f"{len(found)} pictures in {time.monotonic() - began:.0f} s, read by {reader.model.name}; rows with a doubt left out"
    )
    blue = score.by_colour.get("blue")
    bad = blue is not None and blue.exact_rate < BLUE
    if bad:
        print(f"blue plates are read exactly in {blue.exact_rate:.1%}; {BLUE:.0%} is the least", file=sys.stderr)
    print(json.dumps(score.as_json(), ensure_ascii=False))
    return BAD if bad else GOOD


def table(score: Score) -> list[str]:
    """For people."""
    lines = [f"{'':24}{'pictures':>10}{'exact':>8}{'rate':>9}{'characters':>12}"]
    lines += [_row(f"crops, {colour}", crops) for colour, crops in sorted(score.by_colour.items())]
    lines += [_row("crops, all photographs", score.real)]
    lines += [_row(f"rendered, {colour}", crops) for colour, crops in sorted(score.synthetic.items())]
    lines += [
        f"{'frames with a plate':24}{score.frames:>10}   found {score.found}, read right {score.read_in_frames}",
        f"{'frames without':24}{score.without:>10}   plates said where none is: {score.false_plates} (in all frames)",
    ]
    return lines


def _row(name: str, crops: Crops) -> str:
    few = "  too few for a rate" if crops.crops < 30 else ""
    return f"{name:24}{crops.crops:>10}{crops.exact:>8}{crops.exact_rate:>9.1%}{crops.character_accuracy:>12.1%}{few}"


if __name__ == "__main__":
    raise SystemExit(main())
