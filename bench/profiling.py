"""Where the time goes: py-spy looks at a service under full load, in a pass of its own after the rounds."""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine
from bench.world import ROOT, WORDS, Fault, World

_RATE = 250
_MOST = 15
_NEARLY_ALL = 0.97


def head() -> str:
    """When, of which commit and under which interpreter: without these shares of time belong to nothing."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {machine.commit(ROOT)}, {machine.python()}"


async def watch(world: World, name: str, pid: int, seconds: float) -> list[str]:
    """What the process did for so many seconds, as lines for a terminal."""
    stacks = await _seen(world, name, ("-p", str(pid), "-d", f"{seconds:.0f}"), seconds + 30.0)
    return [f"profile of {name}, {seconds:.0f} s, share of its running time", *summed(stacks)]


async def within(world: World, name: str, module: str, words: Mapping[str, Any], function: str) -> list[str]:
    """What a process of the bench did inside one function, as `name (file)`, from its start to its end."""
    stacks = await _seen(world, name, ("--", sys.executable, "-m", f"bench.{module}"), 120.0, json.dumps(words))
    return [f"profile of {name}, share of {function}", *summed(inside(stacks, function))]


async def _seen(world: World, name: str, what: Sequence[str], timeout: float, words: str = "") -> list[str]:
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if spy is None:
        raise Fault("py-spy is not installed: start the bench by `make bench`, which installs it")
    out = world.scratch / f"{name}.stacks"
    command = (spy, "record", "-r", str(_RATE), "-f", "raw", "-o", str(out), *what)
    await world.run(f"profile-{name}", command, timeout, **{WORDS: words})
    return out.read_text().splitlines()


def inside(stacks: Iterable[str], function: str) -> list[str]:
    """Those of the stacks that this function is in, from it on."""
    found = []
    for stack in stacks:
        frames, _, times = stack.rpartition(" ")
        names = frames.split(";")
        if function in (short := [_short(name) for name in names]):
            found.append(f"{';'.join(names[short.index(function) :])} {times}")
    return found


def summed(stacks: Iterable[str]) -> list[str]:
    """Frames by what they did themselves and by what they did or had done. A stack is `frame;frame;… count`."""
    own, all_in = Counter[str](), Counter[str]()
    for stack in stacks:
        frames, _, times = stack.rpartition(" ")
        if not frames:  # a thread that was just beginning or ending
            continue
        names = [_short(frame) for frame in frames.split(";")]
        own[names[-1]] += int(times)
        for name in set(names):
            all_in[name] += int(times)
    total = max(sum(own.values()), 1)
    left = [f"{n / total:5.1%}  {name}" for name, n in own.most_common(_MOST)]
    # What everything is called by says nothing.
    right = [f"{n / total:5.1%}  {name}" for name, n in all_in.most_common() if n < _NEARLY_ALL * total][:_MOST]
    return [
        "  by itself:",
        *(f"    {line}" for line in left),
        "  with all it calls:",
        *(f"    {line}" for line in right),
    ]


def _short(frame: str) -> str:
    """`name (file:line)` without the folders that every machine has elsewhere, and without the line."""
    name, _, place = frame.partition(" (")
    file = place.rstrip(")").rpartition(":")[0] or place.rstrip(")")
    return f"{name} ({'/'.join(Path(file).parts[-2:])})" if file else name
