"""The figures of one run as the page keeps them: what was measured, how to run it again, and what it did not measure."""

from itertools import chain

from bench import ratios
from bench.order import PARTS, Done
from bench.ratios import RATE, Results
from bench.rounds import number
from bench.table import markdown

_HEAD = ("variant", "figure", "rounds", "lowest", "median", "highest")
# What a variant counts a second, where it is not reports.
_COUNTED = {
    "bare produce": "records", "consumer": "records", "consumer, parse": "records", "grid": "points",
    "live": "deliveries", "live yardstick": "deliveries", "webhooks": "webhooks", "webhooks yardstick": "POSTs",
    "notices": "changes",
}  # fmt: skip
_WORDS = {
    RATE: "{}/s", "on_rate": "{}/s, metrics on", "off_rate": "{}/s, metrics off", "getmany_rate": "{}/s, getmany",
    "producer_rate": "records/s of the producer", "single_rate": "{}/s of intake", "own_rate": "{}/s of dispatch",
    "strtree_rate": "{}/s, STRtree", "agreement": "share of {} on which both agree", "p50_ms": "p50, ms",
    "p99_ms": "p99, ms", "answer_p50_ms": "p50 of intake's answer, ms", "answer_p99_ms": "p99 of intake's answer, ms",
    "cpu_us": "CPU of the process, µs a report", "intake_cpu_us": "CPU of intake, µs a report",
    "postgres_cpu_us": "CPU of PostgreSQL, µs a report", "us_per_report": "time, µs a report",
    "lock_wait_ms": "wait for joining's locks, ms a batch", "batches": "batches", "cases": "cases opened",
    "reports_a_batch": "reports a batch", "records_a_batch": "records a batch to the broker",
    "events": "events said", "rows_per_report": "rows a report", "versions_per_report": "versions of cases written, a report",
    "full_rate": "{}/s when all stood in the log at once", "webhooks": "webhooks",
}  # fmt: skip
_END_TO_END = {
    "p50_ms": "end to end, p50, ms", "p99_ms": "end to end, p99, ms", RATE: "{}/s offered",
    "quiet_p50_ms": "end to end at 50 {}/s, p50, ms", "quiet_p99_ms": "end to end at 50 {}/s, p99, ms",
    "full_rate": "{}/s when more was offered than the way can do",
}  # fmt: skip


def lines(run: Done, when: str, commit: str) -> list[str]:
    """The whole block in Markdown. A figure that no round brought has no row."""
    return [
        f"Run of {when} UTC at commit {commit}.", "", *(f"- {note}" for note in run.notes), "",
        *_left_out(run), *_table(run.results),
    ]  # fmt: skip


def _left_out(run: Done) -> list[str]:
    """What the run was not asked for, and what it was asked for and failed in every round."""
    others = [part for part in PARTS if part not in run.parts]
    failed = [variant for variant, found in run.results.items() if not any(map(ratios.spread, found.values()))]
    said = [f"Not measured, because the run was not asked for it: {', '.join(others)}."] if others else []
    said += [f"Not measured, because it failed in every round: {', '.join(failed)}."] if failed else []
    return list(chain.from_iterable((line, "") for line in said))


def _table(results: Results) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for variant, found in results.items():
        for name, values in found.items():
            if s := ratios.spread(values):
                measured = sum(value is not None for value in values)
                rows.append((variant, worded(variant, name), str(measured), *map(number, (s.low, s.median, s.high))))
    return markdown(_HEAD, rows)


def worded(variant: str, figure: str) -> str:
    """A figure with its unit; one that has no words yet keeps its name."""
    words = {**_WORDS, **_END_TO_END} if variant == "through" else _WORDS
    return words.get(figure, figure).format(_COUNTED.get(variant, "reports"))
