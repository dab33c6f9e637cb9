"""Who had to be told is reckoned from the log and the package, and held against notify's ledger and what receivers had."""

import json
from collections.abc import Iterable

import pytest

from gewu.audit.facts import order_of
from gewu.audit.findings import Findings
from gewu.audit.ledger import LedgerFault
from gewu.audit.notices import Directory, Notice, Notices, Said, Told
from gewu.audit.received import Received
from gewu.city.model import NoticeRule, Receiver
from tests.audit.world import fresh, text

RECEIVERS = {n: Receiver(n, n, n, "webhook", "https://x.example/", n == "drill") for n in ("a", "b", "drill")}
ALL = Told({0: (0, 100)}, {0: [(0, "v1")]})
CASE = fresh()
ONE = order_of(1, 1)


def _rule(receiver: str, *changes: str, lane: str = "*", category: str = "*", department: str = "*", grid: str = "*"):
    return NoticeRule("r", 2, changes, lane, category, department, grid, receiver, "")


def _said(offset: int = 0, case: bytes = CASE, order: int = ONE, **words: object) -> Said:
    plain = Said(0, offset, 1_000, case, order, "opened", "p1", "matter:06010", "water", frozenset({"top", "south"}),
                 frozenset(), False)  # fmt: skip
    return plain._replace(**words)


def _judged(
    rules: Iterable[NoticeRule],
    said: Iterable[Said],
    rows: Iterable[Notice],
    told: Told = ALL,
    had: Received | None = None,
) -> tuple[dict[str, int], Notices]:
    findings = Findings()
    judge = Notices(Directory("v1", list(rules), RECEIVERS), told, had or Received(), findings)
    for one in said:
        judge.hear(one)
    for row in rows:
        judge.take(row)
    judge.finish()
    return {str(fault): count for fault, count in findings.counts.items()}, judge


def _row(receiver: str = "a", state: str = "sent", case: bytes = CASE, order: int = ONE) -> Notice:
    return Notice(fresh(), receiver, case, order, state)


def test_what_was_told_as_the_rules_say_is_in_order_and_counted() -> None:
    found, judge = _judged([_rule("a"), _rule("b", "opened", lane="p1")], [_said()], [_row(), _row("b", "open")])
    assert found == {}
    assert judge.counts() == {
        "a": {"wanted": 1, "open": 0, "sent": 1, "failed": 0}, "b": {"wanted": 1, "open": 1, "sent": 0, "failed": 0},
    }  # fmt: skip


def test_a_notice_that_is_not_in_the_ledger_is_lost() -> None:
    assert _judged([_rule("a"), _rule("b")], [_said()], [_row()])[0] == {"lost": 1}


def test_two_rows_of_one_change_for_one_receiver_are_doubled() -> None:
    assert _judged([_rule("a")], [_said()], [_row(), _row()])[0] == {"doubled": 1}


def test_a_notice_that_no_rule_says_is_misrouted() -> None:
    assert _judged([_rule("b")], [_said()], [_row(), _row("b")])[0] == {"misrouted": 1}


@pytest.mark.parametrize(
    "rule",
    [_rule("a", "handled"), _rule("a", lane="p0"), _rule("a", category="component:*"), _rule("a", department="gas"),
     _rule("a", grid="north"), _rule("drill")],
)  # fmt: skip
def test_a_rule_that_does_not_fit_asks_for_nothing(rule: NoticeRule) -> None:
    assert _judged([rule], [_said()], [])[0] == {}


def test_a_rule_of_the_department_that_the_case_left_asks_for_a_notice() -> None:
    moved = _said(change="reassigned", department="gas", left=frozenset({"water"}))
    assert _judged([_rule("a", department="water")], [moved], [])[0] == {"lost": 1}


def test_a_drill_is_for_receivers_of_drills_alone() -> None:
    assert _judged([_rule("a"), _rule("drill")], [_said(exercise=True)], [_row("drill")])[0] == {}


def test_a_version_that_comes_again_or_late_asks_for_nothing() -> None:
    newer = _said(1, order=order_of(1, 2))
    rows = [_row(), _row(order=order_of(1, 2))]
    assert _judged([_rule("a")], [_said(), newer, _said(2), newer._replace(offset=3)], rows)[0] == {}


@pytest.mark.parametrize(
    ("told", "unjudged"),
    [
        (Told({0: (0, 5)}, {0: [(0, "v1")]}), 1),  # notify has not come so far
        (Told({0: (6, 9)}, {0: [(0, "v1")]}), 1),  # it began later
        (Told({0: (0, 9)}, {0: [(0, "v1"), (4, "v2")]}), 1),  # another package decided
        (Told({0: (0, 9)}, {0: [(6, "v1")]}), 1),  # nobody knows which
        (Told({0: (0, 9)}, {0: [(0, "v2"), (5, "v1")]}), 0),
    ],
)
def test_only_what_this_package_decided_is_judged(told: Told, unjudged: int) -> None:
    found, judge = _judged([_rule("a")], [_said(5)], [], told)
    assert judge.unjudged == unjudged and found == ({} if unjudged else {"lost": 1})


def test_what_was_too_old_or_may_be_forgotten_is_excused_and_counted() -> None:
    for told in (Told(ALL.read, ALL.packages, {0: 6}), Told(ALL.read, ALL.packages, forgotten=1_001)):
        found, judge = _judged([_rule("a")], [_said(5)], [], told)
        assert found == {} and judge.excused == 1
    later = Told(ALL.read, ALL.packages, {0: 5}, 1_000)
    assert _judged([_rule("a")], [_said(5)], [], later)[0] == {"lost": 1}


def _had(*lines: tuple[str, bytes, bytes]) -> Received:
    found = Received()
    found.take([json.dumps({"receiver": r, "webhook_id": text(i), "event_id": text(e)}) for r, i, e in lines], "f")
    return found


def test_what_is_marked_as_sent_and_never_came_is_lost_where_the_receiver_says_what_it_had() -> None:
    row, other = _row(), fresh()
    assert _judged([_rule("a")], [_said()], [row], had=_had(("a", row.id, other)))[0] == {}
    assert _judged([_rule("a")], [_said()], [row], had=_had(("b", row.id, other)))[0] == {}, "it did not say"
    assert _judged([_rule("a")], [_said()], [row], had=_had(("a", fresh(), other)))[0] == {"lost": 1}
    open_ = row._replace(state="open")
    assert _judged([_rule("a")], [_said()], [open_], had=_had(("a", fresh(), other)))[0] == {}


def test_one_event_under_two_webhook_ids_is_doubled_and_the_same_id_twice_is_not() -> None:
    event, row = fresh(), _row()
    assert _judged([_rule("a")], [_said()], [row], had=_had(("a", row.id, event), ("a", row.id, event)))[0] == {}
    assert _judged([_rule("a")], [_said()], [row], had=_had(("a", row.id, event), ("a", fresh(), event)))[0] == {
        "doubled": 1
    }


@pytest.mark.parametrize("line", ["no json", "{}", '{"receiver": "a", "webhook_id": "1", "event_id": "2"}', "[]"])
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(LedgerFault, match=r"f\.jsonl line 1: .*webhook_id"):
        Received().take([line], "f.jsonl")
