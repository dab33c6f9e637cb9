"""Percentiles never flatter, and the knee is where a rising load was last kept up with."""

import random

import pytest

from gewu.dev.door import Word
from gewu.load.answers import Said, of
from gewu.load.book import Book
from gewu.load.connections import Ended, How
from gewu.load.schedule import ramp
from gewu.load.tally import Knee, Latencies, Rated, Tally, knee


def test_quantiles_are_right_to_one_per_cent_and_never_too_small() -> None:
    dice = random.Random(7)
    values = sorted(dice.lognormvariate(-5, 1.5) for _ in range(20_000))
    found = Latencies()
    for value in values:
        found.add(value)
    for share in (0.5, 0.95, 0.99, 0.999, 1.0):
        exact = values[max(0, -(-int(share * 1000) * len(values) // 1000) - 1)]
        said = found.quantile(share)
        assert said is not None and exact <= said * (1 + 1e-9) and said <= exact * 1.011
    assert found.largest == values[-1] and found.quantile(1.0) == values[-1]


def test_of_nothing_there_is_no_quantile_and_weights_count() -> None:
    found = Latencies()
    assert found.quantile(0.5) is None
    found.add(0.010, 98)
    found.add(3.0, 2)
    assert found.quantile(0.98) == pytest.approx(0.010, rel=0.011)
    assert found.quantile(0.99) == pytest.approx(3.0, rel=0.011)


def _step(rate: float, accepted: float, seconds: float) -> Rated:
    tally = Tally()
    tally.offered = 1000
    tally.settle(Word.ACCEPTED, "202", seconds, round(1000 * accepted))
    tally.settle(Word.REFUSED, "503", 0.001, 1000 - round(1000 * accepted))
    return Rated(rate, 1.0, tally)


def test_the_knee_is_the_last_step_that_took_its_load_in_time() -> None:
    steps = [_step(100, 1.0, 0.02), _step(200, 0.95, 0.2), _step(300, 0.94, 0.02), _step(400, 1.0, 0.3)]
    assert knee(steps, 0.25) == Knee(200, True) == knee(steps[::-1], 0.25)
    assert knee(steps, 0.1) == Knee(100, True), "a tighter bound moves it"
    assert knee(steps, 0.01) == Knee(None, True), "not even the lowest was good"


def test_a_good_step_above_a_bad_one_is_no_knee() -> None:
    assert knee([_step(100, 1.0, 0.02), _step(200, 0.5, 0.02), _step(300, 1.0, 0.02)], 0.25) == Knee(100, True)
    assert knee([_step(100, 0.5, 0.02), _step(200, 1.0, 0.02)], 0.25) == Knee(None, True)
    held = [_step(100, 1.0, 0.02), _step(200, 1.0, 0.02), _step(200, 0.5, 0.02)]
    assert knee(held, 0.25) == Knee(100, True), "a rate that was held and failed then was not kept up with"


def test_where_every_step_was_good_the_knee_was_not_reached() -> None:
    steps = [_step(100, 1.0, 0.02), _step(200, 1.0, 0.02)]
    assert knee(steps, 0.25) == Knee(200, False)
    assert knee([*steps, Rated(300.0, 1.0, Tally())], 0.25) == Knee(200, False), "what was never offered says nothing"
    assert knee([], 1.0) == Knee(None, False) == knee([Rated(100.0, 1.0, Tally())], 1.0)


def test_a_report_counts_where_it_was_due_and_its_acceptance_when_it_came() -> None:
    book = Book(ramp(10.0, 20.0, 4.0, 4.0, 2))
    book.offer(1.5, 0, 1, 0.0)
    book.sent(1.5, 0, 1)
    book.settle(1.5, 0, 1.0, [Said(Word.ACCEPTED, "202", "s")])
    first, second = (step.tally for step in book.steps)
    assert (first.offered, first.sent, first.accepted, first.landed) == (1, 1, 1, 0)
    assert (second.offered, second.accepted, second.landed) == (0, 0, 1)
    assert book.whole.latencies.largest == book.singles.largest == 1.0 and book.batches.count == 0
    assert [tally.landed for _, tally in book.at_slices()] == [0, 0, 1]
    assert book.look().accepted == 1 and book.look().accepted == 0


def test_a_batch_counts_each_of_its_lines() -> None:
    book = Book(ramp(10.0, 10.0, 1.0, 1.0, 1))
    lines = b'{"line":1,"outcome":"accepted","signal_id":"a"}\n{"line":3,"outcome":"refused"}\n'
    found = of(Ended(How.ANSWERED, 200, lines), 3, batch=True)
    assert [said.word for said in found] == [Word.ACCEPTED, Word.UNKNOWN, Word.REFUSED]
    book.settle(0.0, 0, 0.1, found)
    whole = book.whole
    assert (whole.accepted, dict(whole.refused), dict(whole.unknown)) == (1, {"line": 1}, {"no line": 1})
    assert (book.batches.count, book.refused.count) == (1, 1)


@pytest.mark.parametrize(
    ("ended", "word", "code"),
    [
        (Ended(How.ANSWERED, 202, b'{"signal_id":"s"}'), Word.ACCEPTED, "202"),
        (Ended(How.ANSWERED, 202, b"<html>"), Word.UNKNOWN, "unreadable answer"),
        (Ended(How.ANSWERED, 202, b"[]"), Word.UNKNOWN, "unreadable answer"),
        (Ended(How.ANSWERED, 429, b""), Word.REFUSED, "429"),
        (Ended(How.ANSWERED, 503, b'{"code":"overloaded"}'), Word.REFUSED, "503"),
        (Ended(How.ANSWERED, 503, b'{"code":"unknown"}'), Word.UNKNOWN, "503"),
        (Ended(How.ANSWERED, 503, b"Service Unavailable"), Word.UNKNOWN, "503"),
        (Ended(How.ANSWERED, 503, b"[1]"), Word.UNKNOWN, "503"),
        (Ended(How.ANSWERED, 408, b""), Word.UNKNOWN, "408"),
        (Ended(How.ANSWERED, 422, b"{}"), Word.REJECTED, "422"),
        (Ended(How.CUT), Word.UNKNOWN, "cut"),
        (Ended(How.TIMED_OUT), Word.UNKNOWN, "timed out"),
        (Ended(How.NO_CONNECTION), None, "no connection"),
        (Ended(How.NOT_SENT), None, "not sent in time"),
    ],
    ids=str,
)
def test_every_end_has_its_word(ended: Ended, word: Word | None, code: str) -> None:
    assert [said[:2] for said in of(ended, 1, batch=False)] == [(word, code)]
