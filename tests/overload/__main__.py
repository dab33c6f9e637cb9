"""`python -m tests.overload`: a flood of ten times the bound, and a fire behind 100,000 ordinary reports, with times.

exit codes: 0 every bound held, 1 one did not; the last line is JSON.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from gewu.dev.stack import Stack
from gewu.runtime.settings import Kafka
from tests.overload.backlog import Overtook, overtake
from tests.overload.flood import MEMORY_MIB, Fared, flood


def main() -> int:
    """Run both on a stack of their own."""
    parser = argparse.ArgumentParser(prog="python -m tests.overload", description=__doc__)
    parser.add_argument("--bound", type=int, default=2000, help="reports a second that intake takes [%(default)s]")
    parser.add_argument("--offered", type=int, default=20_000, help="reports a second that are sent [%(default)s]")
    parser.add_argument("--seconds", type=float, default=15.0, help="of the flood [%(default)s]")
    parser.add_argument("--waiting", type=int, default=100_000, help="ordinary reports before the fire [%(default)s]")
    parser.add_argument("--city", type=Path, default=Path("cities/demo"), help="city package [%(default)s]")
    args = parser.parse_args()
    fared, overtook = asyncio.run(_run(args))
    missed = _missed(fared, overtook, args.bound)
    for name, value in (asdict(fared) | {f"fire_{k}": v for k, v in asdict(overtook).items()}).items():
        print(f"  {name:16} {value:,.3f}" if isinstance(value, float) else f"  {name:16} {value:,}")
    for line in missed:
        print(f"missed: {line}")
    print(json.dumps(asdict(fared) | {"fire": asdict(overtook), "missed": missed}))
    return 1 if missed else 0


async def _run(args: argparse.Namespace) -> tuple[Fared, Overtook]:
    with tempfile.TemporaryDirectory() as folder:
        async with _stack(Path(folder) / "flooded", args.city) as stack:
            print(f"{args.offered} a second at an intake that takes {args.bound} …", file=sys.stderr)
            fared = await flood(
                stack, Path(folder), "key:replay", stack.report_key,
                bound=args.bound, offered=args.offered, seconds=args.seconds,
            )  # fmt: skip
        # Another Gewu: the fire would join one of the many that the flood brought, and be no news to its department.
        async with _stack(Path(folder) / "waiting", args.city) as stack:
            print(f"a fire behind {args.waiting} ordinary reports …", file=sys.stderr)
            settings = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
            return fared, await overtake(stack, settings, stack.report_key, args.waiting)


def _stack(folder: Path, city: Path) -> Stack:
    return Stack(folder, city, lambda text: print(text, file=sys.stderr))


def _missed(fared: Fared, overtook: Overtook, bound: int) -> list[str]:
    bounds = {
        "goodput of at least 90 % of the bound": fared.goodput >= 0.9 * bound,
        "refusals within 20 ms (p99)": fared.refusals_p99 <= 0.020,
        f"memory below {MEMORY_MIB} MiB": fared.memory < MEMORY_MIB,
        "no p0 is refused": fared.urgent_refused == 0,
        "normal again two seconds later": fared.share_after == 1.0,
        "a fire at its department within 1 s": overtook.seconds <= 1.0,
    }
    return [what for what, held in bounds.items() if not held]


if __name__ == "__main__":
    sys.exit(main())
