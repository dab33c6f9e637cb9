"""What a run came to, as a page of the documentation."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from tests.overload.backlog import Overtook
from tests.overload.bounds import Bound
from tests.overload.flood import Fared

_TEXT = """\
# Overload

`make overload` on {day}, commit {commit}, {machine}. This page is written by that command, which exits 1 when a bound
does not hold.

**A flood**: an intake process whose own bound is {bound:,} reports a second (`GEWU_RATE`) is offered {offered:,}, at
constant rate, half of them one report a request and half 20 a request, over 128 kept connections; latency counts from
when a request was due. It lasts {seconds:.0f} s and is measured after {warm:.0f} s of the same, in which a fresh
broker compiles itself. dispatch is stopped meanwhile: with it and its database six processes share the cores, and all
of them wait.

**Fires**: {waiting:,} ordinary reports wait in dispatch's log when reports of lane p0 come to intake, one behind
another until no ordinary one waits, 12 at most; the time of each runs from the request to the assignment on the topic
of its department. A run behind fewer comes before and is not counted.

| bound | measured |  |
|---|---|---|
{rows}

Of what was offered {refused:,} reports were refused with 503 and Retry-After. Reports of p0 that came one by one
beside the flood, 20 a second, were answered within {urgent:.1f} ms (p99). Of {fires} fires {overtook} were heard of at
their departments while ordinary reports still waited.

## When p0 meets 503

Lane p0 is never refused for a bound on reports a second, be it the process's, a key's or a grid's. It meets 503 in three places:

- At the bound on connections and requests at once, 4,096 a process: whoever comes then is refused before the lane is known.
  (What the kernel turns away before that gets no answer at all.) More processes take more.
- Where p0's own buffer, `GEWU_BUFFER` of 32 MiB, has no room for it: no other lane can fill that, so the broker is slow or away.
- Where the broker has not acknowledged it within `GEWU_ACK_DEADLINE`, 10 s: `unknown` if it was sent, else `overloaded`.

A picture is uploaded before it is known what for, so it counts as ordinary; the report goes without. All these are in the
[table of bounds](architecture.md#bounds), and one of each is an alert: [refused](runbook.md#gewulifesafetyrefused),
[turned away](runbook.md#gewuconnectionsfull), [unknown](runbook.md#gewuintakeunknown).
"""


def text(args: argparse.Namespace, fared: Fared, overtook: Overtook, bounds: list[Bound]) -> str:
    """The page; `args` are the words of the command line."""
    rows = "\n".join(f"| {b.what} | {b.measured} | {'holds' if b.held else '**missed**'} |" for b in bounds)
    said = {name: getattr(args, name) for name in ("bound", "offered", "seconds", "warm", "waiting")}
    day, here = f"{datetime.now(UTC):%Y-%m-%d}", machine.name().split(", Linux")[0]
    return _TEXT.format(
        **said,
        day=day,
        machine=here,
        commit=machine.commit(Path(__file__).parents[2]),
        rows=rows,
        refused=fared.refused,
        urgent=fared.urgent_p99 * 1000,
        fires=overtook.fires,
        overtook=overtook.overtook,
    )
