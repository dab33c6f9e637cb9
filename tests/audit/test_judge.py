"""The judge finds each kind of fault in hand-made facts, and nothing in facts that are in order."""

import pytest

from gewu import topics
from gewu.audit.cut import Cut
from gewu.audit.facts import CLEARED, RAISED, WITHDRAWN, Landed, Position, Rows, SignalRow, Span, Unreadable, order_of
from gewu.audit.findings import Fault
from gewu.audit.judge import Judge
from gewu.audit.routes import Asked, Route, Wanted
from gewu.audit.verdict import Verdict
from tests.audit.world import World, assigned, changed, fresh, opened, text


def faults(verdict: Verdict) -> dict[str, int]:
    """What is wrong, and how often."""
    assert verdict.good == (not verdict.findings.counts)
    assert all(verdict.findings.examples[fault] for fault in verdict.findings.counts)
    return {str(fault): count for fault, count in verdict.findings.counts.items()}


@pytest.fixture
def world() -> World:
    """Three reports in order, from two keys and a stranger."""
    made = World()
    made.report()
    made.report("camera", to="water")
    made.report("anonymous")
    return made


def test_a_run_in_order_is_clean(world: World) -> None:
    verdict = world.verdict()
    assert faults(verdict) == {} and verdict.in_flight == 0
    told = {name: verdict.numbers[name] for name in ("sent", "accepted", "unknown", "rejected", "landed", "signals")}
    assert told == {"sent": 3, "accepted": 3, "unknown": 0, "rejected": 0, "landed": 3, "signals": 3}


def test_a_whole_life_with_joins_a_return_and_repeats_is_clean(world: World) -> None:
    case = world.report(client_id="first")
    opened = world.log[-2:]
    world.log += [changed(case, 2), assigned(case, 2, kind=RAISED), *opened]
    joined = SignalRow(fresh(), case, "joined", "app", "second")
    world.signals.append(joined)
    world.sent("second", outcome="ok", signal=joined.signal)
    world.log += [changed(case, 3), assigned(case, 3, kind=WITHDRAWN, holder="water"), assigned(case, 3, "water")]
    world.at(case, 3, "water", signals=2)
    verdict = world.verdict()
    assert faults(verdict) == {}
    assert verdict.numbers["repeats"] == 2 and verdict.numbers["landed"] == 5


def test_accepted_without_a_row_is_lost(world: World) -> None:
    world.sent("gone", outcome="ok", signal=fresh())
    assert faults(world.verdict()) == {"lost": 1}


def test_accepted_with_a_row_that_no_department_was_told_of_is_lost(world: World) -> None:
    case = world.report()
    world.log = [said for said in world.log if said.case != case or said.topic == "cases.changed"]
    assert faults(world.verdict()) == {"lost": 1, "misrouted": 1}


def test_accepted_under_another_signal_id_than_the_row_has_is_lost(world: World) -> None:
    world.sent("x", outcome="ok", signal=fresh())
    case = world.report(outcome=None, client_id="x")
    assert case and faults(world.verdict()) == {"lost": 1}


def test_an_anonymous_promise_is_found_by_its_signal_id_alone(world: World) -> None:
    world.sent("same-name", "anonymous", "ok", fresh())
    world.signals.append(SignalRow(fresh(), world.signals[0].case, "joined", "anonymous", "same-name"))
    world.at(world.signals[0].case, 1, signals=2)
    assert faults(world.verdict()) == {"lost": 1}


@pytest.mark.parametrize("outcome", [None, "unknown"])
def test_what_its_client_does_not_know_may_land_or_not(world: World, outcome: str | None) -> None:
    world.report(outcome=outcome)
    world.sent("nowhere", outcome=outcome)
    verdict = world.verdict()
    assert faults(verdict) == {}
    assert (verdict.numbers["unknown"], verdict.numbers["unknown_landed"], verdict.numbers["landed"]) == (2, 1, 4)


def test_a_promise_after_an_unknown_answer_holds(world: World) -> None:
    world.sent("again", outcome="unknown")
    world.sent("again", outcome="ok", signal=fresh())
    assert faults(world.verdict()) == {"lost": 1}


def test_rejected_and_landed_is_a_fault_unless_another_sending_was_not_answered(world: World) -> None:
    world.report(outcome="rejected", client_id="no")
    assert faults(world.verdict()) == {"landed_but_rejected": 1}
    world.sent("no")
    assert faults(world.verdict()) == {}


def test_two_rows_of_one_id_are_doubled(world: World) -> None:
    row = world.signals[0]
    world.signals.append(row._replace(signal=fresh(), outcome="joined"))
    world.at(row.case, 1, signals=2)
    assert faults(world.verdict()) == {"doubled": 1}
    assert faults(world.verdict(with_ledger=False)) == {"doubled": 1}


def test_two_rows_of_one_anonymous_id_are_two_strangers(world: World) -> None:
    row = next(row for row in world.signals if row.source == "anonymous")
    world.signals.append(row._replace(signal=fresh(), outcome="joined"))
    world.at(row.case, 1, signals=2)
    verdict = world.verdict()
    assert faults(verdict) == {} and verdict.numbers["strangers"] == 1


def test_a_case_opened_by_two_signals_is_doubled(world: World) -> None:
    case = world.signals[0].case
    world.signals.append(SignalRow(fresh(), case, "opened", "other", "x"))
    world.at(case, 1, signals=2)
    assert faults(world.verdict()) == {"doubled": 1}


def test_one_version_said_as_new_under_two_event_ids_is_doubled(world: World) -> None:
    world.log.append(assigned(world.signals[0].case, 1))
    assert faults(world.verdict()) == {"doubled": 1, "out_of_order": 1}


def test_another_event_under_the_id_of_one_before_is_no_repeat_of_it(world: World) -> None:
    case, event = world.signals[0].case, fresh()
    world.log += [changed(case, 2, event=event), changed(case, 2, event=event)]
    world.at(case, 2)
    assert faults(world.verdict()) == {}
    world.log.append(changed(case, 2, event=event)._replace(digest=7))
    assert faults(world.verdict()) == {"out_of_order": 1}


def test_a_department_that_was_not_told_of_a_raise_is_out_of_order(world: World) -> None:
    case = world.signals[0].case
    world.log.append(changed(case, 2))
    world.at(case, 2)
    world.cases = [row._replace(lane=1) if row.case == case else row for row in world.cases]
    verdict = world.verdict()
    assert faults(verdict) == {"out_of_order": 1}
    assert "fire was told that its lane is" in verdict.findings.examples[Fault.ORDER][0]
    world.log.append(assigned(case, 2, kind=RAISED)._replace(lane=1))
    assert faults(world.verdict()) == {}


def test_a_row_that_no_client_sent_is_phantom(world: World) -> None:
    world.report(client_id="ghost", outcome=None)
    world.ledger = [line for line in world.ledger if line["id"] != "ghost"]
    assert faults(world.verdict()) == {"phantom": 1}


def test_rows_of_sources_that_no_ledger_speaks_for_are_no_phantoms(world: World) -> None:
    world.report("another-key", client_id="x")
    world.ledger = [line for line in world.ledger if line["id"] != "x"]
    assert faults(world.verdict()) == {}


def test_an_assignment_on_another_departments_topic_is_misrouted(world: World) -> None:
    case = world.report()
    world.log[-1] = assigned(case, 1, "water", holder="fire")
    assert set(faults(world.verdict())) == {"misrouted", "lost"}


def test_a_department_that_lost_a_case_and_was_not_told_is_misrouted(world: World) -> None:
    case = world.signals[0].case
    world.log += [changed(case, 2), assigned(case, 2, "water")]
    world.at(case, 2, "water")
    assert faults(world.verdict()) == {"misrouted": 1}


def test_a_case_whose_department_was_not_told_is_misrouted(world: World) -> None:
    case = world.signals[0].case
    world.log += [changed(case, 2), assigned(case, 2, kind=WITHDRAWN, holder="water")]
    world.at(case, 2, "water")
    assert faults(world.verdict()) == {"misrouted": 1}


def test_a_department_that_no_rule_names_is_misrouted_though_row_and_log_agree(world: World) -> None:
    case = world.report(to="water")
    asked = Asked("matter:10998", "market", frozenset({"g1"}), "")
    row = opened(1.0, 2.0, "fire", case=case, department="water", grid="g1")
    world.opened = [(row, Wanted("g1", asked, Route("fire", "blaze")))]
    verdict = world.verdict()
    assert faults(verdict) == {"misrouted": 1}
    assert verdict.findings.examples[Fault.MISROUTED] == [
        f"case {text(case)} is water's by rule 'r'; 'fire' (matter:10998, kind of place market, grid g1) is fire's by "
        "rule 'blaze'"
    ]


def test_a_department_and_a_grid_as_the_package_has_them_are_no_fault(world: World) -> None:
    case = world.report()
    asked = Asked("", "", frozenset(), "")
    world.opened = [
        (opened(1.0, 2.0, "?", case=case, department="fire", grid="g1"), Wanted("g1", asked, Route("fire", ""))),
        (opened(1.0, 2.0, case=case, department="desk", grid="g1", returned=True), Wanted("g1")),
    ]
    assert faults(world.verdict()) == {}


def test_a_version_that_comes_after_a_later_one_is_out_of_order(world: World) -> None:
    case = world.signals[0].case
    world.log += [changed(case, 3), changed(case, 2)]
    world.at(case, 3)
    assert faults(world.verdict()) == {"out_of_order": 1}


def test_a_version_that_is_never_said_is_out_of_order(world: World) -> None:
    case = world.signals[0].case
    world.log.append(changed(case, 3))
    world.at(case, 3)
    assert faults(world.verdict()) == {"out_of_order": 1}


def test_a_new_incarnation_may_leave_versions_out(world: World) -> None:
    case = world.signals[0].case
    world.log += [changed(case, 7, incarnation=2)]
    world.cases = [r._replace(incarnation=2, version=7) if r.case == case else r for r in world.cases]
    assert faults(world.verdict()) == {}


@pytest.mark.parametrize("version", [1, 3])
def test_a_reader_that_does_not_end_where_the_database_is_ends_out_of_order(world: World, version: int) -> None:
    case = world.signals[0].case
    world.log.append(changed(case, 2))
    world.at(case, version)
    assert faults(world.verdict()) == {"out_of_order": 1}


def test_a_case_on_two_partitions_is_out_of_order(world: World) -> None:
    case = world.signals[0].case
    world.log.append(changed(case, 2, partition=1))
    world.at(case, 2)
    assert faults(world.verdict()) == {"out_of_order": 1}


def test_a_case_that_the_database_does_not_have_is_out_of_order_unless_it_was_superseded(world: World) -> None:
    case = fresh()
    world.log.append(changed(case, 1))
    assert faults(world.verdict()) == {"out_of_order": 1}
    world.log.append(changed(case, 2)._replace(superseded=True))
    assert faults(world.verdict()) == {}


def test_what_waits_in_the_outbox_or_was_said_after_the_snapshot_is_not_judged_yet(world: World) -> None:
    behind, ahead = world.signals[0].case, world.signals[1].case
    world.at(behind, 2)
    assert faults(world.verdict()) == {"out_of_order": 1}
    world.waiting.add(behind)
    world.young += [changed(ahead, 2), changed(fresh(), 1)]
    assert faults(world.verdict()) == {}


def test_a_log_that_was_cut_is_not_held_against_anybody(world: World) -> None:
    case = world.report()
    world.log = [said for said in world.log if said.case != case]
    assert set(faults(world.verdict())) == {"lost", "misrouted", "out_of_order"}
    world.cut = Cut({"": {0}, "fire": {0}}, {"": 1, "fire": 1})
    verdict = world.verdict()
    assert faults(verdict) == {} and verdict.numbers["unjudged"] == 1


def test_books_that_do_not_add_up_are_unbalanced(world: World) -> None:
    world.spans = [Span("signals.p2", 0, 0, 4, 4)]
    world.positions = [Position("signals.p2", 0, 0, 4, 0, {"opened": 3, "joined": 0})]
    assert faults(world.verdict()) == {"unbalanced": 1}
    world.positions = [Position("signals.p2", 0, 0, 4, 1, {"opened": 3, "joined": 0})]
    assert faults(world.verdict()) == {}


@pytest.mark.parametrize(("first", "end"), [(0, 2), (4, 9)])
def test_a_position_outside_its_log_is_unbalanced(world: World, first: int, end: int) -> None:
    world.spans = [Span("signals.p2", 0, first, end, end)]
    assert faults(world.verdict()) == {"unbalanced": 1}


def test_only_cases_of_the_partition_that_was_cut_are_left_out(world: World) -> None:
    cases = [world.report() for _ in range(20)]
    counts = {"": 2, "fire": 2}
    zero = [case for case in cases if topics.partition(text(case), 2) == 0]
    world.log = [said for said in world.log if said.case not in cases]
    world.cut = Cut({"": {0}, "fire": {0}}, counts)
    verdict = world.verdict()
    missing = len(cases) - len(zero)
    assert 0 < missing < len(cases) and verdict.numbers["unjudged"] == len(zero)
    assert faults(verdict) == {"lost": missing, "out_of_order": missing, "misrouted": missing}


def test_a_partition_that_was_never_read_is_in_flight_and_its_cut_start_a_fault(world: World) -> None:
    own = Span("signals.p2", 0, 0, 3, 3)
    world.spans = [own, Span("signals.p0", 0, 0, 7, 7)]
    verdict = world.verdict()
    assert faults(verdict) == {} and verdict.in_flight == 7
    world.spans = [own, Span("signals.p0", 0, 5, 7, 7)]
    assert faults(world.verdict()) == {"unbalanced": 1}


def test_rows_that_differ_from_the_books_are_unbalanced(world: World) -> None:
    world.outcomes = {"opened": 4}
    assert faults(world.verdict()) == {"unbalanced": 1}
    world.outcomes, world.rows = {}, Rows(1, 1, 1, [fresh()])
    assert faults(world.verdict()) == {"unbalanced": 4}


def test_a_case_whose_signals_are_miscounted_is_unbalanced(world: World) -> None:
    world.at(world.signals[0].case, 1, signals=5)
    assert faults(world.verdict()) == {"unbalanced": 1}


def test_a_record_that_nobody_can_read_is_named(world: World) -> None:
    world.log.append(Unreadable("dispatch.fire:0:9", "no type"))  # type: ignore[arg-type]
    verdict = world.verdict()
    assert faults(verdict) == {"unreadable": 1}
    assert verdict.findings.examples[Fault.UNREADABLE] == ["dispatch.fire:0:9: no type"]


def test_at_most_twenty_examples_are_kept_of_each_fault(world: World) -> None:
    for _ in range(50):
        world.sent(f"gone{fresh().hex()}", outcome="ok", signal=fresh())
    verdict = world.verdict()
    assert verdict.count(Fault.LOST) == 50 and len(verdict.findings.examples[Fault.LOST]) == 20


def test_without_a_ledger_nothing_is_judged_by_promises(world: World) -> None:
    world.sent("gone", outcome="ok", signal=fresh())
    verdict = world.verdict(with_ledger=False)
    assert faults(verdict) == {} and verdict.numbers["sent"] == 0 and not verdict.with_ledger


def test_a_case_that_is_cleared_is_said_so_to_its_department_too(world: World) -> None:
    case = world.report()
    world.log.append(changed(case, 2)._replace(cleared=True))
    world.at(case, 2)
    verdict = world.verdict()
    assert faults(verdict) == {"out_of_order": 1}
    assert "everybody was told, its department was not" in verdict.findings.examples[Fault.ORDER][0]
    world.log.append(assigned(case, 2, kind=CLEARED))
    assert faults(world.verdict()) == {}


def test_a_case_that_was_called_cleared_while_a_sensor_stays_beyond_its_limit_is_named() -> None:
    judge = Judge(None)
    case = fresh()
    for version in (1, 2):
        judge.hear(changed(case, version)._replace(cleared=version == 2))
    judge.standing([("smoke-002", Landed(case, order_of(1, 2), None))])
    assert not judge.findings.any, "it crossed again after that"
    judge.standing([("smoke-002", Landed(case, order_of(1, 1), None))])
    assert "was called cleared at version 1.2, and sensor smoke-002" in judge.findings.examples[Fault.UNBALANCED][0]
