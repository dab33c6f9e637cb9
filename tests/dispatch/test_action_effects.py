"""What departments' actions leave in the tables: each move once, each refusal answered, nothing half done."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from gewu import codec, ids, topics
from gewu.errors import NotNow
from gewu.v1.action_pb2 import ActionRefused
from gewu.v1.assignment_pb2 import Assignment
from gewu.v1.case_pb2 import CaseChange, CaseChanged
from gewu_dispatch.domain.action import Kind, Refusal
from gewu_dispatch.domain.case import Picture, State
from gewu_dispatch.store import cases
from tests.dispatch.conftest import Desk
from tests.support.building import FALLBACK, HERE, INCARNATION, NOW_US, a_signal, an_action, moved, span
from tests.support.waiting import until


@pytest.fixture
async def case_id(desk: Desk) -> str:
    """A case of the water company, whose opening is said already."""
    signal = a_signal(said="water manhole")
    assert await desk.take(signal) == {"opened": 1}
    await said_already(desk)
    return ids.case_id(signal.signal_id)


async def said_already(desk: Desk) -> None:
    """The relay has had everything."""
    await desk.pool.execute("DELETE FROM outbox")


async def outbox(desk: Desk) -> list[tuple[Any, ...]]:
    """Topic, type and version of what waits, oldest first."""
    return [(e.topic, e.type, e.version) for e in await desk.events()]


async def test_an_accepted_case_is_being_handled_and_everybody_hears_of_it(desk: Desk, case_id: str) -> None:
    action = an_action(case_id, note="two men on the way")
    assert await desk.act(action) == {"applied": 1}
    case = await desk.case()
    assert (case["state"], case["version"], case["incarnation"]) == (State.HANDLING, 2, INCARNATION)
    entry = (await desk.rows("history", "version"))[1]
    assert (entry["change"], entry["state"], entry["note"], entry["said_by"]) == (3, 5, "two men on the way", "Li")
    assert entry["action_id"] == UUID(action.action_id)
    (kept,) = await desk.rows("actions")
    assert (kept["department"], kept["kind"], kept["refusal"], kept["content"]) == ("water", 1, None, action.content)
    assert await outbox(desk) == [(topics.CASES, codec.CASE_CHANGED, 2)]
    (told,) = await desk.said(CaseChanged, topics.CASES)
    assert (told.action_id, told.case.state, list(told.signal_ids)) == (action.action_id, 5, [])


async def test_a_departments_note_is_not_told_to_everybody(desk: Desk, case_id: str) -> None:
    await desk.act(an_action(case_id, Kind.RETURN, note="Mr Chen knows whose it is"))
    (event,) = [e for e in await desk.events() if e.topic == topics.CASES]
    assert b"Chen" not in event.value


async def test_who_speaks_without_a_name_speaks_as_the_department(desk: Desk, case_id: str) -> None:
    await desk.act(an_action(case_id, said_by=""))
    assert (await desk.rows("history", "version"))[1]["said_by"] == "water"


async def test_two_moves_in_one_batch_are_two_versions_each_told_as_it_was(desk: Desk, case_id: str) -> None:
    assert await desk.act(an_action(case_id), an_action(case_id, Kind.DONE)) == {"applied": 2}
    assert [(h["version"], h["state"]) for h in await desk.rows("history", "version")] == [(1, 4), (2, 5), (3, 6)]
    told = await desk.said(CaseChanged, topics.CASES)
    assert [(t.case.version, t.case.state, t.change) for t in told] == [(2, 5, 3), (3, 6, 5)]
    assert (await desk.case())["version"] == 3


async def test_the_order_of_the_log_decides(desk: Desk, case_id: str) -> None:
    assert await desk.act(an_action(case_id, Kind.DONE), an_action(case_id)) == {"refused": 1, "applied": 1}
    assert (await desk.case())["state"] == State.HANDLING


async def test_an_action_said_again_is_one_action(desk: Desk, case_id: str) -> None:
    action = an_action(case_id)
    assert await desk.act(action, action) == {"applied": 1, "duplicate": 1}
    before = await desk.all()
    assert await desk.act(action) == {"duplicate": 1}
    assert await desk.all() == before


async def test_a_refused_action_said_again_is_answered_once(desk: Desk, case_id: str) -> None:
    action = an_action(case_id, Kind.DONE)
    assert await desk.act(action) == {"refused": 1}
    before = await desk.all()
    assert await desk.act(action, action) == {"duplicate": 2}
    assert await desk.all() == before


async def test_an_unlawful_move_comes_back_with_the_lawful_ones(desk: Desk, case_id: str) -> None:
    action = an_action(case_id, Kind.DONE)
    assert await desk.act(action) == {"refused": 1}
    assert (await desk.case())["version"] == 1 and len(await desk.rows("history")) == 1
    assert (await desk.rows("actions"))[0]["refusal"] == Refusal.NOT_LAWFUL_NOW
    assert await outbox(desk) == [("dispatch.water", codec.ACTION_REFUSED, 0)]
    (told,) = await desk.said(ActionRefused, "dispatch.water")
    assert (told.reason, list(told.lawful), told.case_version) == (Refusal.NOT_LAWFUL_NOW, [1, 2], 1)
    (event,) = await desk.events()
    assert (event.event_id, event.key, event.cause) == (told.event_id, case_id, action.action_id)


async def test_a_stranger_is_refused_on_the_own_topic_and_learns_nothing(desk: Desk, case_id: str) -> None:
    assert await desk.act(an_action(case_id, department="fire")) == {"refused": 1}
    (told,) = await desk.said(ActionRefused, "dispatch.fire")
    assert (told.reason, list(told.lawful), told.case_version, told.case_incarnation) == (Refusal.NOT_YOURS, [], 0, 0)
    assert await outbox(desk) == [("dispatch.fire", codec.ACTION_REFUSED, 0)]


@pytest.mark.parametrize("said", ["", "井盖", "no-uuid", str(uuid4()), "0" * 32, "x" * 400, f"{{{uuid4()}}}"])
async def test_a_case_that_is_none_is_refused_and_kept_as_it_was_said(desk: Desk, said: str) -> None:
    assert await desk.act(an_action(said)) == {"refused": 1}
    (kept,) = await desk.rows("actions")
    assert (kept["case_id"], kept["refusal"]) == (said, Refusal.NO_SUCH_CASE)
    (told,) = await desk.said(ActionRefused, "dispatch.water")
    assert (told.case_id, told.reason) == (said, Refusal.NO_SUCH_CASE)


async def test_a_move_of_a_newer_department_is_refused_as_not_understood(desk: Desk, case_id: str) -> None:
    assert await desk.act(an_action(case_id, 7)) == {"refused": 1}
    (kept,) = await desk.rows("actions")
    assert (kept["kind"], kept["refusal"]) == (7, Refusal.NOT_UNDERSTOOD)
    (told,) = await desk.said(ActionRefused, "dispatch.water")
    assert (told.reason, told.kind) == (Refusal.NOT_UNDERSTOOD, 7)


async def test_one_client_id_with_two_contents_is_a_conflict_and_the_first_stands(desk: Desk, case_id: str) -> None:
    await desk.act(an_action(case_id, client_id="a-1", note="first"))
    await said_already(desk)
    again = an_action(case_id, Kind.DONE, client_id="a-1", note="second")
    assert await desk.act(again, again) == {"conflict": 2}
    (kept,) = await desk.rows("actions")
    assert (kept["note"], kept["refusal"]) == ("first", None)
    assert (await desk.case())["state"] == State.HANDLING
    (told,) = await desk.said(ActionRefused, "dispatch.water")
    assert (told.reason, told.client_id, told.kind) == (Refusal.CONFLICT, "a-1", Kind.DONE)


async def test_one_client_id_may_be_refused_for_several_contents_at_once(desk: Desk, case_id: str) -> None:
    moves = [an_action(case_id, Kind.DONE, client_id="a-1", note=n) for n in ("one", "two", "three")]
    assert await desk.act(*moves) == {"refused": 1, "conflict": 2}
    told = await desk.said(ActionRefused, "dispatch.water")
    assert [t.reason for t in told] == [Refusal.NOT_LAWFUL_NOW, Refusal.CONFLICT, Refusal.CONFLICT]
    assert len({t.event_id for t in told}) == 3


async def test_a_conflict_said_again_is_answered_again_under_the_same_id(desk: Desk, case_id: str) -> None:
    await desk.act(an_action(case_id, client_id="a-1", note="first"))
    again = an_action(case_id, client_id="a-1", note="second")
    assert await desk.act(again) == {"conflict": 1}
    assert await desk.act(again) == {"conflict": 1}
    first, second = await desk.said(ActionRefused, "dispatch.water")
    assert first == second and first.event_id


async def test_a_returned_case_is_withdrawn_from_one_and_new_to_the_other(desk: Desk, case_id: str) -> None:
    assert await desk.act(an_action(case_id, Kind.RETURN, note="a power cover")) == {"applied": 1}
    case = await desk.case()
    assert (case["department"], case["state"], case["version"]) == (FALLBACK, State.ASSIGNED, 2)
    assert (case["routed_because"], case["rule_id"]) == ("fallback_returned", "")
    assert sorted(await outbox(desk)) == [
        (topics.CASES, codec.CASE_CHANGED, 2),
        (f"dispatch.{FALLBACK}", codec.ASSIGNMENT, 2),
        ("dispatch.water", codec.ASSIGNMENT, 2),
    ]
    (lost,), (won,) = await desk.said(Assignment, "dispatch.water"), await desk.said(Assignment, f"dispatch.{FALLBACK}")
    assert (lost.kind, won.kind, lost.note, won.note) == (3, 1, "a power cover", "a power cover")
    assert lost.case == won.case and won.case.department == FALLBACK
    (changed,) = await desk.said(CaseChanged, topics.CASES)
    assert list(changed.left) == ["water"], "who may see only theirs learns that it left"
    entry = (await desk.rows("history", "version"))[1]
    assert (entry["because"], entry["department"], entry["note"]) == ("fallback_returned", FALLBACK, "a power cover")


async def test_who_gave_a_case_back_has_no_say_in_it_any_more(desk: Desk, case_id: str) -> None:
    assert await desk.act(an_action(case_id, Kind.RETURN), an_action(case_id)) == {"applied": 1, "refused": 1}
    assert await desk.act(an_action(case_id, department=FALLBACK)) == {"applied": 1}
    assert await desk.act(an_action(case_id, Kind.RETURN, department=FALLBACK)) == {"refused": 1}
    assert (await desk.case())["version"] == 3


async def test_a_return_without_a_word_why_changes_nothing(desk: Desk, case_id: str) -> None:
    assert await desk.act(an_action(case_id, Kind.RETURN, note=" ")) == {"refused": 1}
    assert (await desk.case())["department"] == "water"


async def test_more_time_that_is_asked_for_stands_in_history_and_ledger_and_moves_no_deadline(
    desk: Desk, case_id: str
) -> None:
    due = (await desk.case())["complete_by"]
    asks = an_action(case_id, Kind.EXTEND, note="rain")
    again = an_action(case_id, Kind.EXTEND, note="more rain", until=asks.until + span(days=1))
    assert await desk.act(an_action(case_id), asks, again) == {"applied": 3}
    assert ((await desk.case())["complete_by"], (await desk.case())["version"]) == (due, 4)
    changes = [(h["change"], h["state"], h["note"]) for h in await desk.rows("history", "version")]
    assert changes[2:] == [(CaseChange.CASE_CHANGE_EXTENSION_ASKED, 5, "rain"), (8, 5, "more rain")]
    ledger = [(c["step"], c["entry"], c["due_at"], c["why"]) for c in await desk.rows("clock_ledger", "step")]
    assert ledger[0][:3] == (1, "start", due)
    assert ledger[1:] == [(2, "asked", asks.until, "rain"), (3, "asked", again.until, "more rain")]
    told = (await desk.said(CaseChanged, topics.CASES))[-1]
    assert told.case.complete_by.ToMicroseconds() == due and (told.change, told.case.version) == (8, 4)
    assert [a["until"] for a in await desk.rows("actions", "at, until NULLS FIRST")] == [None, asks.until, again.until]
    assert await desk.act(asks) == {"duplicate": 1} and len(await desk.rows("clock_ledger")) == 3


async def test_a_time_that_is_refused_is_in_no_ledger(desk: Desk, case_id: str) -> None:
    assert await desk.act(an_action(case_id), an_action(case_id, Kind.EXTEND, until=NOW_US)) == {
        "applied": 1,
        "refused": 1,
    }
    assert len(await desk.rows("clock_ledger")) == 1
    (told,) = await desk.said(ActionRefused, "dispatch.water")
    assert (told.reason, list(told.lawful)) == (Refusal.BAD_TIME, [Kind.DONE, Kind.RETURN, Kind.EXTEND])


async def test_a_picture_that_does_not_prove_itself_makes_a_move_that_is_refused(desk: Desk, case_id: str) -> None:
    shown = (Picture(b"1" * 32, 9, "image/jpeg", "m-1"),)
    finished = an_action(case_id, Kind.DONE, pictures=shown, unproven=Refusal.PICTURE_NOT_OURS)
    assert await desk.act(an_action(case_id), finished) == {"applied": 1, "refused": 1}
    assert (await desk.case())["state"] == State.HANDLING and await desk.rows("action_pictures") == []
    (told,) = await desk.said(ActionRefused, "dispatch.water")
    assert (told.reason, list(told.lawful)) == (Refusal.PICTURE_NOT_OURS, [Kind.DONE, Kind.RETURN, Kind.EXTEND])


async def test_pictures_of_what_was_done_are_kept_with_the_move_that_was_made(desk: Desk, case_id: str) -> None:
    one, other = Picture(b"1" * 32, 9, "image/jpeg", "m-1"), Picture(b"2" * 32, 7, "image/webp", "m-1")
    early = an_action(case_id, Kind.DONE, pictures=(other,))
    finished = an_action(case_id, Kind.DONE, pictures=(one, other, one))
    assert await desk.act(early, an_action(case_id), finished) == {"refused": 1, "applied": 2}
    kept = [
        (str(p["action_id"]), p["sha256"], p["bytes"], p["type"]) for p in await desk.rows("action_pictures", "sha256")
    ]
    own = finished.action_id
    assert kept == [(own, b"1" * 32, 9, "image/jpeg"), (own, b"2" * 32, 7, "image/webp")], "the refused one's is not"


@pytest.mark.parametrize("whose", ["departments", "reporters"])
async def test_a_batch_takes_hold_of_its_cases_in_the_order_of_their_ids(desk: Desk, whose: str) -> None:
    places = [moved(*HERE, 60.0 * n) for n in range(12)]
    await desk.take(*(a_signal(p, said="water manhole") for p in places))
    first, *_, last = rows = await desk.rows("cases", "case_id")
    batch: Any = [an_action(str(r["case_id"])) for r in reversed(rows)]
    if whose == "reporters":
        batch = [a_signal((r["lon"], r["lat"]), said="water manhole") for r in reversed(rows)]
    hold = "SELECT FROM cases WHERE case_id = $1 FOR UPDATE"
    async with desk.pool.acquire() as holder, holder.transaction():
        await holder.execute(hold, first["case_id"])
        waiting = asyncio.create_task(desk.act(*batch) if whose == "departments" else desk.take(*batch))
        await until(lambda: _someone_waits(desk), what="the batch to wait for its first case")
        # It waits with empty hands: nobody who holds a later case can be waiting for it in turn.
        await desk.pool.execute(f"{hold} NOWAIT", last["case_id"])
    assert sum((await waiting).values()) == 12


@pytest.mark.parametrize("move", [Kind.ACCEPT, Kind.DONE])
async def test_a_case_that_is_moved_between_look_and_lock_is_looked_at_again(
    desk: Desk, case_id: str, move: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = cases.candidates

    async def overtaken(transaction: Any, *words: Any) -> Any:
        found = await look(transaction, *words)
        monkeypatch.undo()
        if move is Kind.DONE:
            await desk.act(an_action(case_id, Kind.ACCEPT))
        assert await desk.act(an_action(case_id, move)) == {"applied": 1}
        return found

    monkeypatch.setattr(cases, "candidates", overtaken)
    assert await desk.take(a_signal(said="water manhole")) == ({"joined": 1} if move is Kind.ACCEPT else {"opened": 1})
    own = [(h["version"], h["change"]) for h in await desk.rows("history", "version") if str(h["case_id"]) == case_id]
    assert [version for version, _ in own] == [1, 2, 3]


async def test_a_batch_whose_cases_never_stand_still_comes_again_and_leaves_nothing(
    desk: Desk, case_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looks = cases.candidates, 0

    async def overtaken(transaction: Any, *words: Any) -> Any:
        nonlocal looks
        found, looks = await look(transaction, *words), looks + 1
        for case in found:  # as if another had been faster each time, and with another case
            case.version -= 1
        return found

    monkeypatch.setattr(cases, "candidates", overtaken)
    with pytest.raises(NotNow, match="raced"):
        await desk.take(a_signal(said="water manhole"))
    assert looks == 5 and len(await desk.rows("signals")) == len(await desk.rows("history")) == 1


async def _someone_waits(desk: Desk) -> bool:
    return bool(await desk.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
