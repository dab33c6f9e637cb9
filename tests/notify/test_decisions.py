"""What notify decides, without a server: who is told, what follows from an attempt, when a receiver rests."""

import random
from dataclasses import replace

import pytest

from gewu.city.model import NoticeRule, Receiver
from gewu.clock import HOUR, SECOND
from gewu.lane import Lane
from gewu_notify.domain import attempt
from gewu_notify.domain.attempt import Kind, State, follows, kind_of
from gewu_notify.domain.plan import Because, Directory, Fact, Told
from gewu_notify.domain.resting import IN_A_ROW, Rest
from gewu_notify.sending.gate import Gate

NOW = 1_790_000_000 * SECOND
RECEIVERS = {
    name: Receiver(name, name, name, "webhook", "https://x.example/", name == "drill") for name in ("a", "b", "drill")
}
FACT = Fact("e", "opened", "c", 1, 1, Lane.P1, "matter:06010", "water", ("top", "south"), False, NOW, b"{}")


def _fact(**words: object) -> Fact:
    return Fact(**{f: getattr(FACT, f) for f in Fact.__struct_fields__} | words)


def _rule(id: str, receiver: str, **words: object) -> NoticeRule:
    plain = NoticeRule(id, 2, (), "*", "*", "*", "*", receiver, "")
    return replace(plain, **words)  # type: ignore[arg-type]


def _plan(*rules: NoticeRule, fact: Fact = FACT, now: int = NOW) -> tuple[list[str], Because]:
    found = Directory(rules, RECEIVERS, 24 * HOUR).plan(fact, now)
    return [f"{t.receiver} by {t.rule}" for t in found.told], found.because


def test_each_receiver_is_told_once_by_its_first_rule_that_matches() -> None:
    rules = [
        _rule("other", "a", changes=("handled",)), _rule("first", "a", lane="p1"), _rule("second", "a"),
        _rule("area", "b", grid="south", category="matter:06*", department="water"),
    ]  # fmt: skip
    assert _plan(*rules) == (["a by first", "b by area"], Because.RULE)


@pytest.mark.parametrize(
    "words",
    [{"changes": ("handled",)}, {"lane": "p0"}, {"category": "component:*"}, {"department": "gas"}, {"grid": "north"}],
)
def test_a_rule_that_does_not_match_tells_nobody(words: dict[str, object]) -> None:
    assert _plan(_rule("r", "a", **words)) == ([], Because.NO_RULE)


def test_a_drill_is_told_to_receivers_of_drills_and_the_real_thing_never_to_them() -> None:
    drill = Fact(*(True if f == "exercise" else getattr(FACT, f) for f in Fact.__struct_fields__))
    rules = [_rule("real", "a"), _rule("drills", "drill")]
    assert _plan(*rules, fact=drill) == (["drill by drills"], Because.RULE)
    assert _plan(*rules) == (["a by real"], Because.RULE)
    assert _plan(rules[0], fact=drill) == _plan(rules[1]) == ([], Because.DRILL)


def test_a_rule_that_names_a_department_hears_that_a_case_left_it_and_no_more() -> None:
    gone = _fact(department="gas", left=("water",), change="reassigned")
    plan = lambda *rules, **words: Directory(rules, RECEIVERS, 24 * HOUR).plan(  # noqa: E731
        _fact(department="gas", left=("water",), change="reassigned", **words), NOW
    )
    old, new = _rule("old", "a", department="water"), _rule("new", "b", department="gas")
    assert plan(old, new).told == (Told("b", "new"), Told("a", "old", True))
    assert plan(old, _rule("any", "a")).told == (Told("a", "any"),), "who is told of the change itself hears that"
    assert plan(_rule("moved", "a", department="water", changes=("reassigned",))).told == (Told("a", "moved", True),)
    assert _plan(_rule("openings", "a", department="water", changes=("opened",)), fact=gone) == ([], Because.NO_RULE)
    assert _plan(_rule("else", "a", department="water", lane="p0"), fact=gone) == ([], Because.NO_RULE)
    assert plan(old, exercise=True).because is Because.DRILL


def test_yesterdays_news_are_told_to_nobody() -> None:
    assert _plan(_rule("r", "a"), now=NOW + 24 * HOUR)[1] is Because.RULE
    assert _plan(_rule("r", "a"), now=NOW + 24 * HOUR + 1) == ([], Because.TOO_OLD)


def test_every_status_has_its_kind() -> None:
    wanted = {200: "taken", 204: "taken", 301: "redirected", 400: "refused", 404: "refused", 410: "gone", 429: "slow_down",
              500: "broken", 502: "slow_down", 503: "slow_down", 504: "slow_down", 599: "broken"}  # fmt: skip
    assert {status: str(kind_of(status)) for status in wanted} == wanted


@pytest.mark.parametrize("kind", [k for k in Kind if k not in (Kind.TAKEN, Kind.GONE)])
def test_attempts_are_bounded_and_their_pauses_grow(kind: Kind) -> None:
    most = attempt.FEW if kind in (Kind.REFUSED, Kind.REDIRECTED, Kind.FORBIDDEN) else attempt.ATTEMPTS
    dues = [follows(kind, n, NOW, 0.5).due_at - NOW for n in range(1, most)]
    assert dues == sorted(dues) == [p * SECOND for p in attempt.PAUSES_S[: most - 1]]
    assert follows(kind, most, NOW, 0.5).state is State.FAILED
    spread = [follows(kind, 1, NOW, random.random()).due_at - NOW for _ in range(100)]
    assert 4 * SECOND <= min(spread) < max(spread) <= 6 * SECOND


def test_eight_attempts_take_the_better_part_of_a_day() -> None:
    assert 20 * 3600 < sum(attempt.PAUSES_S) < 24 * 3600


def test_a_receiver_may_ask_for_peace_but_not_for_ever() -> None:
    asked = follows(Kind.SLOW_DOWN, 1, NOW, 0.5, 600.0)
    assert asked.due_at == asked.rest_until == NOW + 600 * SECOND
    assert follows(Kind.SLOW_DOWN, 1, NOW, 0.5, 1e9).due_at == NOW + HOUR
    assert follows(Kind.BROKEN, 1, NOW, 0.5, 600.0).rest_until == 0


def test_what_was_taken_ends_and_410_disables() -> None:
    assert follows(Kind.TAKEN, 3, NOW, 0.5).state is State.SENT
    gone = follows(Kind.GONE, 1, NOW, 0.5)
    assert gone.state is State.FAILED and gone.disables


def test_a_receiver_that_fails_again_and_again_rests_longer_and_longer_and_is_asked_with_one() -> None:
    rest = Rest()
    for _ in range(IN_A_ROW - 1):
        rest.told(Kind.TIME_OUT, NOW)
    assert rest.room(8, NOW) == 1 and not rest.is_resting(NOW)
    rest.told(Kind.TIME_OUT, NOW)
    assert (rest.room(8, NOW), rest.room(8, NOW + SECOND)) == (0, 1)
    for _ in range(20):
        rest.told(Kind.UNREACHABLE, NOW)
    assert (rest.room(8, NOW + 59 * SECOND), rest.room(8, NOW + 60 * SECOND)) == (0, 1)
    rest.told(Kind.REFUSED, NOW + 60 * SECOND)  # it answers, if only no
    assert rest.room(8, NOW + 60 * SECOND) == 8


def test_a_receiver_is_asked_with_one_until_it_answers_and_again_after_it_did_not() -> None:
    rest = Rest()
    assert rest.room(8, NOW) == rest.at_once(8) == 1, "nobody knows it yet"
    for kind in (Kind.TAKEN, Kind.REFUSED, Kind.GONE):
        rest.told(Kind.TIME_OUT, NOW)
        assert rest.room(8, NOW) == 1
        rest.told(kind, NOW)
        assert rest.room(8, NOW) == 8


def test_life_safety_has_connections_that_nothing_else_can_take() -> None:
    gate = Gate(most=5, for_p0=2)
    assert [gate.enter(Lane.P1) for _ in range(4)] == [True] * 3 + [False] and gate.is_full
    assert [gate.enter(Lane.P0) for _ in range(3)] == [True, True, False]
    gate.leave(), gate.leave()
    assert not gate.enter(Lane.P3) and gate.enter(Lane.P0) and gate.taken == 4


def test_a_plan_is_the_same_however_often_it_is_made() -> None:
    directory = Directory([_rule("r", "a")], RECEIVERS, 24 * HOUR)
    assert directory.plan(FACT, NOW) == directory.plan(FACT, NOW) and directory.plan(FACT, NOW).told == (
        Told("a", "r"),
    )
