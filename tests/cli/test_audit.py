"""`gewu audit` on a whole Gewu: clean after real work, and every planted fault is found."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gewu import codec, ids, topics
from gewu.city import load
from gewu.dev.door import Doors, Word
from gewu.dev.ledger import OK, REJECTED, UNKNOWN, Ledger
from gewu.dev.stack import DATABASE, Stack
from gewu.runtime.settings import Kafka, Postgres
from gewu.v1.assignment_pb2 import ASSIGNMENT_KIND_NEW, ASSIGNMENT_KIND_WITHDRAWN, Assignment
from gewu.v1.case_pb2 import CASE_CHANGE_JOINED, CASE_CHANGE_REASSIGNED, Case, CaseChanged
from tests.cli.running import Gewu, env_file
from tests.support import log

REPORTS = 300
_copies = count(1)
_OUTCOMES = {Word.ACCEPTED: OK, Word.REJECTED: REJECTED}


@dataclass(frozen=True, slots=True)
class Done:
    """A Gewu that has worked and whose services have stopped: nothing moves any more."""

    kafka: Kafka
    postgres: Any
    ledgers: tuple[Path, ...]
    city: Path

    async def copy(self, *statements: str) -> Postgres:
        """A copy of the database in which these statements were run."""
        name = f"copy{next(_copies)}"
        connection = await asyncpg.connect(self.postgres.dsn("postgres"))
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE}")
        await connection.close()
        connection = await asyncpg.connect(self.postgres.dsn(name), server_settings={"search_path": "dispatch"})
        for statement in statements:
            await connection.execute(statement)
        await connection.close()
        return Postgres(self.postgres.dsn(name), None, None)


@pytest.fixture(scope="module")
async def done(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> AsyncIterator[Done]:
    """Real work: keyed and anonymous reports, repeats, one that is refused, one whose client died."""
    folder = tmp_path_factory.mktemp("audited")
    async with Stack(folder / "stack", demo) as stack:
        ledgers = (folder / "keyed.jsonl", folder / "anonymous.jsonl")
        await _work(stack, *ledgers)
        await asyncio.sleep(1.0)
        for name in tuple(stack.services):
            await stack.end(name)
        yield Done(Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, ""), stack.postgres, ledgers, demo)


async def _work(stack: Stack, keyed: Path, anonymous: Path) -> None:
    city = load(stack.city)
    spots = [(g.centroid.x, g.centroid.y) for g in city.owners.shapes]
    dice = random.Random(3)

    def report() -> dict[str, Any]:
        lon, lat = dice.choice(spots)
        return {
            "id": ids.new_client_id(),
            "category": dice.choice(("manhole", "井盖", "no such word")),
            "place": {"lon": lon, "lat": lat},
        }

    async def send(book: Ledger, reports: list[dict[str, Any]], source: str) -> None:
        book.sending(((r["id"], city.lane(r["category"]).label) for r in reports), source)
        for report, answer in zip(reports, await doors.post(reports, source != "anonymous"), strict=True):
            book.outcome(report["id"], _OUTCOMES.get(answer.word, UNKNOWN), answer.signal_id)

    async with Doors(stack.intake_url, stack.report_key, 16) as doors:
        with Ledger(keyed) as book:
            reports = [report() for _ in range(REPORTS)]
            await send(book, reports, "replay")
            await send(book, reports[:20], "replay")
            await send(book, [report() | {"place": {"lon": 0.0, "lat": 0.0}}], "replay")
            book.sending([("never-left", "p2")], "replay")
        with Ledger(anonymous) as book:
            await send(book, [report() for _ in range(20)], "anonymous")


@pytest.fixture
def audit(gewu: Gewu, done: Done, tmp_path: Path):
    """`gewu audit --json` on a database; returns the exit code and what it found."""

    async def run(
        postgres: Postgres, *words: object, ledgers: tuple[Path, ...] = done.ledgers
    ) -> tuple[int, dict[str, Any]]:
        named = [word for ledger in ledgers for word in ("--ledger", ledger)]
        file = env_file(tmp_path, done.kafka, postgres)
        ended = await gewu.there("--env-file", file, "audit", "--json", *named, *words)
        assert ended.out, ended
        return ended.code, json.loads(ended.out)

    return run


def _faults(found: dict[str, Any]) -> dict[str, int]:
    assert {name for name, examples in found["examples"].items() if examples} == {
        n for n in found["examples"] if found[n]
    }
    return {name: found[name] for name in found["examples"] if found[name]}


async def test_after_real_work_all_is_in_order(audit, done: Done) -> None:
    code, found = await audit(await done.copy(), "--wait", 20, "--city", done.city)
    assert (code, found["ok"], _faults(found)) == (0, True, {})
    told = [found[name] for name in ("sent", "sends", "accepted", "unknown", "rejected", "landed")]
    assert told == [REPORTS + 22, REPORTS + 42, REPORTS + 20, 1, 1, REPORTS + 20]
    assert found["signals"] == REPORTS + 20 and 0 < found["cases"] < REPORTS
    assert found["grids_judged"] == found["routes_judged"] == found["cases"] and found["grids_of_other_package"] == 0
    assert found["in_flight"] == found["outbox"] == 0 and found["settled_after_s"] is not None
    assert sum(book["outcomes"]["duplicate"] for book in found["books"]) == 20
    assert found["changes"] >= found["cases"] and found["assignments"] >= found["cases"]


async def test_the_text_for_people_says_the_same(gewu: Gewu, done: Done, tmp_path: Path) -> None:
    file = env_file(tmp_path, done.kafka, await done.copy())
    ended = await gewu.there("--env-file", file, "audit", "--ledger", done.ledgers[0])
    assert ended.code == 0 and ended.out.rstrip().endswith("in order"), ended
    assert (
        f"sent        {REPORTS + 2:,} in {REPORTS + 22:,} sendings" in ended.out
        and "judged from the first record" in ended.out
    )
    bare = await gewu.there("--env-file", file, "audit")
    assert bare.code == 0 and "without --ledger only books, order, routing and doubles" in bare.err
    assert "phantom" not in bare.out.split("books:")[0].split("\n", 1)[1]


_ONE = "(SELECT signal_id FROM signals WHERE outcome = 'joined' AND source <> 'anonymous' ORDER BY 1 LIMIT 1)"
_CASE = "(SELECT case_id FROM cases ORDER BY 1 LIMIT 1)"
_DOUBLE = (
    f"CREATE TEMP TABLE one AS SELECT * FROM signals WHERE signal_id = {_ONE}",
    "UPDATE one SET signal_id = gen_random_uuid()",
    "INSERT INTO signals SELECT * FROM one",
)
_OTHER = "CASE department WHEN 'gas' THEN 'water' ELSE 'gas' END"
_BEYOND = "UPDATE position SET next_offset = next_offset + 9, skipped = skipped + 9 WHERE opened > 0"
_MISBOOKED = "UPDATE position SET opened = opened - 1, skipped = skipped + 1 WHERE opened > 0"


@pytest.mark.parametrize(
    ("statements", "faults"),
    [
        ([f"DELETE FROM signals WHERE signal_id = {_ONE}"], {"lost", "unbalanced"}),
        (_DOUBLE, {"doubled", "unbalanced"}),
        ([f"UPDATE signals SET outcome = 'opened' WHERE signal_id = {_ONE}"], {"doubled", "unbalanced"}),
        ([f"UPDATE signals SET client_id = 'made-up' WHERE signal_id = {_ONE}"], {"lost", "phantom"}),
        ([f"UPDATE signals SET client_id = 'never-left' WHERE signal_id = {_ONE}"], {"lost"}),
        ([f"UPDATE cases SET department = {_OTHER} WHERE case_id = {_CASE}"], {"misrouted"}),
        ([f"UPDATE cases SET grid_id = 'nowhere' WHERE case_id = {_CASE}"], {"misrouted"}),
        ([f"UPDATE cases SET version = version + 1 WHERE case_id = {_CASE}"], {"out_of_order", "unbalanced"}),
        ([f"UPDATE cases SET lane = 1 WHERE case_id = {_CASE}"], {"out_of_order"}),
        ([f"UPDATE signals SET content = '\\x00' WHERE signal_id = {_ONE}"], {"unbalanced"}),
        ([f"DELETE FROM history WHERE case_id = {_CASE}"], {"unbalanced"}),
        ([_BEYOND], {"unbalanced"}),
        ([_MISBOOKED], {"unbalanced"}),
    ],
    ids=[
        "lost", "doubled", "opened twice", "phantom", "another's id", "department", "grid", "version", "lane", "content",
        "history", "beyond", "misbooked",
    ],
)  # fmt: skip
async def test_a_planted_fault_is_found(audit, done: Done, statements: list[str], faults: set[str]) -> None:
    code, found = await audit(await done.copy(*statements), "--city", done.city)
    assert (code, found["ok"], set(_faults(found))) == (1, False, faults), found["examples"]


async def test_a_notice_that_is_not_there_is_lost_and_one_more_is_doubled(audit, done: Done) -> None:
    _, found = await audit(await done.copy(), "--city", done.city)
    told = {name: n["wanted"] for name, n in found["notices"].items()}
    assert sum(told.values()) > 10 and _faults(found) == {}
    assert all(n["wanted"] == n["open"] + n["sent"] + n["failed"] for n in found["notices"].values())
    one = "(SELECT webhook_id FROM notify.notices ORDER BY webhook_id LIMIT 1)"
    twin = (
        "INSERT INTO notify.notices SELECT gen_random_uuid(), receiver, rule, case_id, incarnation, version, lane, exercise, "
        f"body, state, attempts, planned_at, due_at FROM notify.notices WHERE webhook_id = {one}"
    )
    other = f"UPDATE notify.notices SET receiver = 'drill-desk' WHERE webhook_id = {one}"
    for statement, wanted in (
        (f"DELETE FROM notify.notices WHERE webhook_id = {one}", {"lost": 1}),
        (twin, {"doubled": 1}),
        (other, {"lost": 1, "misrouted": 1}),
    ):
        _, found = await audit(await done.copy(statement), "--city", done.city, ledgers=())
        assert _faults(found) == wanted


async def test_what_is_marked_as_sent_is_held_against_what_its_receiver_had(audit, done: Done, tmp_path: Path) -> None:
    one = "(SELECT webhook_id FROM notify.notices WHERE receiver = 'old-town' ORDER BY webhook_id LIMIT 1)"
    copy = await done.copy(f"UPDATE notify.notices SET state = 'sent', ended_at = now() WHERE webhook_id = {one}")
    had = tmp_path / "had.jsonl"
    line = {"receiver": "old-town", "webhook_id": ids.new_client_id(), "event_id": ids.new_client_id()}
    had.write_text(json.dumps(line) + "\n")
    _, found = await audit(copy, ledgers=())
    assert _faults(found) == {}, "nobody says what it had"
    code, found = await audit(copy, "--received", had, ledgers=())
    assert code == 1 and _faults(found) == {"lost": 1}


async def test_without_notifys_tables_the_rest_is_judged(audit, done: Done) -> None:
    code, found = await audit(await done.copy("DROP SCHEMA notify CASCADE"), "--city", done.city)
    assert code == 0 and found["notices"] == {}


async def test_a_case_that_a_department_gave_back_is_not_routed_again(audit, done: Done) -> None:
    returned = await done.copy(f"UPDATE history SET change = {int(CASE_CHANGE_REASSIGNED)} WHERE case_id = {_CASE}")
    code, found = await audit(returned, "--city", done.city)
    assert code == 0 and found["routes_judged"] == found["cases"] - 1 == found["grids_judged"] - 1


async def test_work_that_is_not_settled_is_waited_for_and_then_said(audit, done: Done) -> None:
    behind = await done.copy("UPDATE position SET next_offset = 0, skipped = 0, opened = 0, joined = 0, duplicate = 0")
    code, found = await audit(behind, "--wait", 1)
    assert found["in_flight"] > 0 and found["settled_after_s"] is None and code == 1


async def test_a_ledger_that_is_left_out_shows_its_rows_as_phantoms(audit, done: Done, tmp_path: Path) -> None:
    half = tmp_path / "half.jsonl"
    lines = [line for line in done.ledgers[0].read_text().splitlines() if "never-left" in line]
    half.write_text("\n".join(lines) + "\n")
    code, found = await audit(await done.copy(), ledgers=(half,))
    assert code == 1 and _faults(found) == {"phantom": REPORTS} and len(found["examples"]["phantom"]) == 20


async def test_a_second_assignment_and_a_strange_record_are_found(audit, done: Done) -> None:
    """Last but one: what is said on a topic stays there."""
    postgres = await done.copy()
    connection = await asyncpg.connect(postgres.dsn)
    row = await connection.fetchrow("SELECT case_id, version, department FROM dispatch.cases WHERE version = 1 LIMIT 1")
    await connection.close()
    topic = topics.dispatch(row["department"])
    partition = topics.partition(str(row["case_id"]), 2)
    case = Case(case_id=str(row["case_id"]), incarnation=1, version=1, department=row["department"])
    again = Assignment(event_id=str(UUID(int=7)), kind=ASSIGNMENT_KIND_NEW, case=case)
    headers = [("ce_type", codec.ASSIGNMENT.encode())]
    await log.put(done.kafka, topic, [(b"k", again.SerializeToString(), headers), (b"k", b"\xff", headers)], partition)
    code, found = await audit(postgres)
    assert code == 1 and _faults(found) == {"doubled": 1, "out_of_order": 1, "unreadable": 1}, found["examples"]


async def test_a_department_that_no_rule_names_is_found_though_row_log_and_history_agree(audit, done: Done) -> None:
    """Last, for the same reason: before it and after it all else is as the test above left it."""
    case, wrong = await _moved_case(await done.copy()), "gas"
    row = f"case_id = '{case['case_id']}'"
    postgres = await done.copy(
        f"UPDATE cases SET version = version + 1, department = '{wrong}' WHERE {row}",
        f"INSERT INTO history SELECT case_id, incarnation, version + 1, at, change, state, lane, '{wrong}', because, "
        f"rule_id, signals FROM history WHERE {row} ORDER BY version DESC LIMIT 1",
    )
    await _say_moved(done.kafka, case, wrong)
    _, before = await audit(postgres)
    code, found = await audit(postgres, "--city", done.city)
    assert code == 1 and _faults(found) == _faults(before) | {"misrouted": 1} and "misrouted" not in _faults(before)
    (line,) = found["examples"]["misrouted"]
    assert line.startswith(f"case {case['case_id']} is {wrong}'s by rule '{case['rule_id']}'; 'manhole' (component:01")
    assert line.endswith(f" is {case['department']}'s by rule '{case['rule_id']}'"), line


async def _moved_case(postgres: Postgres) -> asyncpg.Record:
    connection = await asyncpg.connect(postgres.dsn)
    try:
        return await connection.fetchrow(
            "SELECT c.* FROM dispatch.cases c JOIN dispatch.signals s USING (case_id) "
            "WHERE c.routed_because = 'rule' AND c.department <> 'gas' AND s.outcome = 'opened' AND s.said = 'manhole' "
            "ORDER BY c.case_id DESC LIMIT 1"
        )
    finally:
        await connection.close()


async def _say_moved(kafka: Kafka, row: asyncpg.Record, to: str) -> None:
    """What dispatch would have said if it had given the case to another department."""
    id_, left = str(row["case_id"]), row["department"]
    case = Case(case_id=id_, incarnation=1, version=row["version"] + 1, department=to)
    changed = CaseChanged(event_id=str(UUID(int=8)), change=CASE_CHANGE_JOINED, case=case)
    withdrawn = Assignment(event_id=str(UUID(int=9)), kind=ASSIGNMENT_KIND_WITHDRAWN, case=case)
    new = Assignment(event_id=str(UUID(int=10)), kind=ASSIGNMENT_KIND_NEW, case=case)
    said = [(topics.CASES, 6, codec.CASE_CHANGED, changed), (topics.dispatch(left), 2, codec.ASSIGNMENT, withdrawn),
            (topics.dispatch(to), 2, codec.ASSIGNMENT, new)]  # fmt: skip
    for topic, partitions, type_, message in said:
        record = id_.encode(), message.SerializeToString(), [("ce_type", type_.encode())]
        await log.put(kafka, topic, [record], topics.partition(id_, partitions))
