"""The drawing is well-formed, stays in its frame, and shows what there is to show."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from gewu.cli import load_report
from gewu.dev.door import Word
from gewu.load.answers import Said
from gewu.load.book import Book
from gewu.load.curve import Curve, Judged
from gewu.load.plot import svg
from gewu.load.schedule import Step, constant, ramp

ACCEPTED, REFUSED = Said(Word.ACCEPTED, "202", "s"), Said(Word.REFUSED, "503")
NS = "{http://www.w3.org/2000/svg}"


def curve(steps: list[Step], capacity: float, judged: Judged | None = None) -> Curve:
    """A run in which everything above the capacity was refused."""
    book = Book(steps)
    for number, step in enumerate(steps):
        for n in range(round(step.rate * step.seconds)):
            due = step.start + n / step.rate
            book.offer(due, number, 1, 0.0)
            word = ACCEPTED if n < capacity * step.seconds else REFUSED
            book.settle(due, number, 0.001 * step.rate / capacity, [word])
    return Curve(book, 0.25, "key:x & y", "ledger<1>.jsonl", False, judged)


def drawn(found: Curve) -> tuple[ElementTree.Element, list[str]]:
    root = ElementTree.fromstring(svg(found))
    return root, [text.text or "" for text in root.iter(f"{NS}text")]


def test_a_ramp_is_drawn_over_its_rates_with_its_knee() -> None:
    found = curve(ramp(20.0, 100.0, 5.0, 5.0, 5), 60.0, Judged(True, {"lost": 0, "doubled": 3}, 0))
    root, texts = drawn(found)
    assert found.knee.last == 60.0 and "knee 60/s" in texts and _dashed(root)
    assert (found.as_json()["knee"], found.as_json()["knee_reached"]) == (60.0, True)
    assert {"offered", "accepted", "refused", "p50", "p95", "p99"} < {*texts} and "unknown" not in texts
    assert texts[-2].endswith("0 lost, 3 doubled") and "errors" not in texts
    lines = [line.get("points", "").split() for line in root.iter(f"{NS}polyline")]
    assert [len(points) for points in lines] == [5] * 6
    _, _, width, height = map(float, root.get("viewBox", "").split())
    assert all(0 <= float(x) <= width and 0 <= float(y) <= height for p in lines for x, y in (q.split(",") for q in p))


def _dashed(root: ElementTree.Element) -> bool:
    return any(line.get("stroke-dasharray") for line in root.iter(f"{NS}line"))


def test_a_ramp_that_was_good_to_its_end_is_drawn_without_a_knee() -> None:
    found = curve(ramp(20.0, 100.0, 5.0, 5.0, 5), 1000.0)
    root, texts = drawn(found)
    assert "knee not reached, good up to 100/s" in texts and not _dashed(root)
    said = found.as_json()
    assert (said["knee"], said["knee_reached"], said["good_up_to"]) == (None, False, 100.0)
    assert "knee      not reached: every step was good, up to 100 reports/s" in "\n".join(load_report.lines(found))


def test_a_ramp_that_was_never_good_says_so() -> None:
    found = curve(ramp(20.0, 100.0, 5.0, 5.0, 5), 5.0)
    root, texts = drawn(found)
    assert "the lowest rate was not good" in texts and not _dashed(root)
    assert "knee      the lowest step was not good" in "\n".join(load_report.lines(found))


def test_one_rate_is_drawn_over_the_time() -> None:
    root, texts = drawn(curve(constant(50.0, 4.0), 100.0))
    assert "seconds after the start" in texts and not any("knee" in text for text in texts)
    assert [len(line.get("points", "").split()) for line in root.iter(f"{NS}polyline")] == [4, 4, 4, 4, 4]


@pytest.mark.parametrize("steps", [constant(5.0, 0.5), ramp(1.0, 2.0, 2.0, 2.0, 2)], ids=["one slice", "two steps"])
def test_little_or_nothing_is_drawn_too(steps: list[Step], tmp_path: Path) -> None:
    drawn(curve(steps, 100.0))
    root, _ = drawn(Curve(Book(steps), 0.25, "key:x", "l", True))
    assert len(list(root.iter(f"{NS}polyline"))) >= 2, "an empty run has its frame"
