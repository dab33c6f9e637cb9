"""`python -m tests.overload`: a flood of ten times the bound, and a fire behind 100,000 ordinary reports, with times.

exit codes: 0 every bound held, 1 one did not; the last line is JSON.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import uvloop

from gewu.dev.stack import Stack
from gewu.runtime.settings import Kafka
from tests.overload import page
from tests.overload.backlog import Overtook, overtake
from tests.overload.bounds import bounds
from tests.overload.flood import Fared, flood

_FIRST = 20_000  # wait before a first fire, through broker, database and dispatch that have done nothing yet


def main() -> int:
    """Run both on a stack of their own."""
    parser = argparse.ArgumentParser(prog="python -m tests.overload", description=__doc__)
    parser.add_argument("--bound", type=int, default=2000, help="reports a second that intake takes [%(default)s]")
    parser.add_argument("--offered", type=int, default=20_000, help="reports a second that are sent [%(default)s]")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the flood [%(default)s]")
    parser.add_argument("--warm", type=float, default=40.0, help="seconds of it before, uncounted [%(default)s]")
    parser.add_argument("--waiting", type=int, default=100_000, help="ordinary reports before the fire [%(default)s]")
    parser.add_argument("--city", type=Path, default=Path("cities/demo"), help="city package [%(default)s]")
    parser.add_argument("--page", type=Path, help="write what was measured here")
    args = parser.parse_args()
    fared, overtook = uvloop.run(_run(args))
    found = bounds(fared, overtook, args.bound)
    missed = [bound.what for bound in found if not bound.held]
    for name, value in (asdict(fared) | {f"fire_{k}": v for k, v in asdict(overtook).items()}).items():
        print(f"  {name:16} {value:,.3f}" if isinstance(value, float) else f"  {name:16} {value:,}")
    for what in missed:
        print(f"missed: {what}")
    if args.page:
        args.page.write_text(page.text(args, fared, overtook, found))
    print(json.dumps(asdict(fared) | {"fire": asdict(overtook), "missed": missed}))
    return 1 if missed else 0


async def _run(args: argparse.Namespace) -> tuple[Fared, Overtook]:
    with tempfile.TemporaryDirectory() as folder:
        async with _stack(Path(folder) / "flooded", args.city) as stack:
            print(f"{args.offered} a second at an intake that takes {args.bound} …", file=sys.stderr)
            # With dispatch and its database there are six for two cores, and all wait for a core; this is about intake.
            await stack.end("dispatch")
            fared = await flood(
                stack, Path(folder), "key:replay", stack.report_key,
                bound=args.bound, offered=args.offered, seconds=args.seconds, warm=args.warm,
            )  # fmt: skip
        # Another Gewu: the fire would join one of the many that the flood brought, and be no news to its department.
        async with _stack(Path(folder) / "waiting", args.city) as stack:
            settings = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
            print(
                f"a fire behind {_FIRST} ordinary reports, uncounted, and one behind {args.waiting} …", file=sys.stderr
            )
            await overtake(stack, settings, stack.report_key, _FIRST)
            return fared, await overtake(stack, settings, stack.report_key, args.waiting)


def _stack(folder: Path, city: Path) -> Stack:
    return Stack(folder, city, lambda text: print(text, file=sys.stderr))


if __name__ == "__main__":
    sys.exit(main())
