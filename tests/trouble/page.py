"""What the runs came to: a line each while they run, a table of all, and one JSON object."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tests.trouble.play import Result

_HEAD = """\
# Trouble

`make trouble ROUNDS={rounds}` on {day}, commit {commit}: every family of harm, {rounds} times under seeds {seeds},
on the real Kafka and PostgreSQL with reports coming in. After each run `gewu audit` judges everything that was ever sent
to that system: the clients' ledgers, every record of the log, the tables and the books. This page is written by that command.

*Hit*: the run measured that its fault was there when work was under way; a run that did not hit counts as failed. *Acks*:
answers 202 that reports got in these runs. *Lost*: an ack without its case. *Doubled*: an act with two effects.

"""
_UNTRIED = """
## Not tried

- A second broker: one that is killed while others go on, a rolling restart, a coordinator that moves. The harness has one broker.
- A standby of PostgreSQL that is promoted: clients would come by another address, and what the standby had not got yet is lost
  by its own rules.
- Latency, jitter, loss in one direction and cut packets between two services: the link to the broker holds back, forgets and
  closes, and does not slow. Namespaces of the network need rights that not every machine gives.
- A sensor has no share of its own as a key has, and none of its readings is refused for their number: *one source floods* asks
  what others feel of it. Its one sensor waits for each PUBACK before it speaks again; one that does not wait, and many that
  flood at once, are not tried. What waits at their broker is bounded for all sensors together, and dropped beyond that.
- A clock that steps or runs slow; a number of partitions that grows while reports come; power that fails, with what was never
  fsynced gone (a file system that forgets is needed for it).
"""
_COLUMNS = (
    "family",
    "what is done",
    "runs",
    "hit",
    "acks",
    "lost",
    "doubled",
    "seconds, median",
    "what one run measured",
)


def line(result: Result) -> str:
    """One run for a terminal."""
    if result.skipped:
        return f"SKIPPED  {result.family:<34} seed {result.seed:<3} {result.skipped}"
    word = "ok" if result.good else "FAILED" if result.why else "NOT HIT"
    felt = "hit" if result.hit else "-"
    head = f"{word:<8} {felt:<3} {result.family:<34} seed {result.seed:<3} {result.seconds:5.1f} s  {result.accepted:>6} acks  "
    return f"{head}{result.words}{f'  WRONG: {result.why}' if result.why else ''}"


def sums(results: Sequence[Result]) -> dict[str, int]:
    """The last line. Skipped runs are no runs, and are counted apart."""
    runs = _done(results)
    return {
        "runs": len(runs),
        "hit": sum(result.hit for result in runs),
        "accepted": sum(result.accepted for result in runs),
        "lost": sum(result.lost for result in runs),
        "doubled": sum(result.doubled for result in runs),
        "failed": sum(not result.good for result in runs),
        "skipped": len(results) - len(runs),
    }


def skips(results: Sequence[Result]) -> str:
    """Which families were skipped and why, loud enough to be seen above the last line; "" when none was."""
    whys = {result.family: result.skipped for result in results if result.skipped}
    if not whys:
        return ""
    named = "; ".join(f"{family}: {why}" for family, why in whys.items())
    return (
        f"!!! NOT ALL WAS DONE: {sums(results)['skipped']} runs were SKIPPED. {named}. A page is not written of this."
    )


def text(results: Sequence[Result], deeds: Mapping[str, str], commit: str) -> str:
    """The page. `deeds`: what each family does; `commit`: of the tree that was tried.

    Of results with skipped ones there is no page: ValueError.
    """
    if why := skips(results):
        raise ValueError(why)
    seeds = sorted({result.seed for result in results})
    span = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
    head = _HEAD.format(rounds=len(seeds), day=f"{datetime.now(UTC):%Y-%m-%d}", seeds=span, commit=commit)
    rows = [_row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    for family, deed in deeds.items():
        if own := [result for result in results if result.family == family]:
            rows.append(_row(_cells(family, deed, own)))
    total = sums(results)
    rows.append(_row(["all", "", *(f"{total[n]:,}" for n in ("runs", "hit", "accepted", "lost", "doubled")), "", ""]))
    return head + "\n".join(rows) + "\n" + _faults(results) + _UNTRIED


def _done(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if not result.skipped]


def _cells(family: str, deed: str, own: Sequence[Result]) -> list[str]:
    total = sums(own)
    counts = [f"{total[name]:,}" for name in ("runs", "hit", "accepted", "lost", "doubled")]
    return [
        family,
        deed,
        *counts,
        f"{statistics.median(r.seconds for r in own):.0f}",
        f"seed {own[0].seed}: {own[0].words}",
    ]


def _faults(results: Sequence[Result]) -> str:
    wrong = [result for result in results if not result.good]
    lines = [f"- {r.family}, seed {r.seed}: {r.why or 'the fault was not felt: ' + r.words}" for r in wrong]
    return "".join(f"\n{line}" for line in ("## What went wrong\n", *lines)) + "\n" if lines else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
