"""`gewu trace` on a whole Gewu: every step of a signal's way with its place, and a clear word where there is none."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from gewu import codec, ids, topics
from gewu.cli import main
from gewu.dev.stack import Stack
from gewu.lane import Lane
from gewu.runtime.settings import Kafka
from gewu.v1.action_pb2 import ACTION_KIND_DONE, Action
from gewu.v1.signal_pb2 import Signal
from tests.api.conftest import Client
from tests.cli.running import Gewu
from tests.support import log
from tests.support.sensors import Device
from tests.support.waiting import until

WAIT = {"prefer": "wait=5"}
Trace = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]


@pytest.fixture
def trace(gewu: Gewu, stack: Stack) -> Trace:
    """`gewu trace --json`; returns the exit code and what it found."""

    async def run(signal: str, *words: object) -> tuple[int, dict[str, Any]]:
        ended = await gewu.there("--env-file", stack.data / "env", "trace", signal, "--json", *words)
        assert ended.out, ended
        return ended.code, json.loads(ended.out)

    return run


def whats(found: dict[str, Any]) -> list[str]:
    return [step["what"] for step in found["steps"]]


def steps(found: dict[str, Any], what: str) -> list[dict[str, Any]]:
    return [step for step in found["steps"] if step["what"] == what]


async def reported(client: Client, n: int, **words: Any) -> tuple[dict[str, Any], str]:
    """A report that dispatch has taken, and its signal id."""
    body = client.report(n, **words)
    taken = await client.post("/v1/reports", body)
    assert taken.status == 202, taken
    await client.status(taken.body)
    return {**body, "id": taken.body["id"]}, taken.body["signal_id"]


async def said(trace: Trace, signal: str, most: int) -> dict[str, Any]:
    """The trace once so many events stand in the log."""

    async def look() -> dict[str, Any] | None:
        found = (await trace(signal))[1]
        return found if len(steps(found, "said")) >= most else None

    return await until(look, 20.0, f"{most} events of {signal}")


async def test_a_signals_whole_way_from_receipt_to_the_departments_last_word(
    client: Client, trace: Trace, stack: Stack
) -> None:
    _, signal = await reported(client, 40, category="暴露垃圾")
    found = await said(trace, signal, 2)
    assert found["state"] == "taken" and whats(found)[:3] == ["received", "logged", "opened"]
    opened = steps(found, "opened")[0]
    assert opened["case"] == ids.case_id(signal) and opened["because"] and opened["due"] and opened["due_because"]
    file = (await client.desk("GET", f"/v1/cases/{opened['case']}")).body
    assert (opened["department"], opened["state"]) == (file["case"]["department"], "assigned")
    await _moved(stack, opened["department"], opened["case"])
    await said(trace, signal, 3)
    for kind in ("accept", "done"):
        await client.desk("POST", f"/v1/cases/{opened['case']}/actions", {"kind": kind}, headers=WAIT)
    found = await said(trace, signal, 5)
    kinds = [step["kind"] for step in steps(found, "action")]
    assert kinds == ["done", "accept", "done"]
    assert [step["by"] for step in steps(found, "action")] == ["a desk of its own", "ops", "ops"]
    assert [s["change"] for s in steps(found, "applied")] == ["accepted", "handled"]
    assert [s["why"] for s in steps(found, "refused")] == ["not_lawful_now"]
    events = {(step["place"].split(":")[0], step["says"]) for step in steps(found, "said")}
    own = topics.dispatch(opened["department"])
    assert events == {
        (topics.CASES, "opened"), (own, "new"), (topics.CASES, "accepted"), (topics.CASES, "handled"),
        (own, "refused: not_lawful_now"),
    }  # fmt: skip
    await _places_are_true(stack, found, signal)


async def _moved(stack: Stack, department: str, case: str) -> None:
    """The department says on its topic that it is done with what it never accepted."""
    move = Action(client_id=str(uuid4()), case_id=case, kind=ACTION_KIND_DONE, said_by="a desk of its own")
    move.said_at.GetCurrentTime()
    record = (case.encode(), move.SerializeToString(), codec.Envelope(codec.ACTION, "tests").headers(move.client_id))
    topic = next(t for t in topics.registry([department]) if t.name == topics.actions(department))
    await log.put(_kafka(stack), topic.name, [record], topics.partition(case, topic.partitions))


def _kafka(stack: Stack) -> Kafka:
    return Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")


async def _places_are_true(stack: Stack, found: dict[str, Any], signal: str) -> None:
    """Each place holds such a record, and the times rise from step to step."""
    elapsed = [step["ms"] for step in found["steps"]]
    assert elapsed == sorted(elapsed) and elapsed[0] == 0 and all("T" in step["at"] for step in found["steps"])
    for step in found["steps"]:
        if step["what"] in ("logged", "said", "action"):
            topic, partition, offset = step["place"].rsplit(":", 2)
            record = next(r for r in await log.read(_kafka(stack), topic, int(partition)) if r.offset == int(offset))
            assert record.timestamp == round(datetime.fromisoformat(step["at"]).timestamp() * 1000)
            wanted = signal if step["what"] == "logged" else ids.case_id(signal)
            assert wanted.encode() in record.value


async def test_a_joined_one_a_repeat_and_a_conflict_are_told_apart(client: Client, trace: Trace) -> None:
    _, first = await reported(client, 41, category="manhole")
    body, joined = await reported(client, 41, category="manhole", text="again")
    found = await said(trace, joined, 1)
    assert steps(found, "joined")[0]["because"] and "opened by another" in found["notes"][0]
    assert {step["says"] for step in steps(found, "said")} == {"joined"}
    assert "1 further signals" in " ".join((await trace(first))[1]["notes"])
    for text in ("again", "something else", "again"):
        assert (await client.post("/v1/reports", {**body, "text": text})).status == 202

    async def settled() -> dict[str, Any] | None:
        now = (await trace(joined))[1]
        return now if len(steps(now, "logged")) == 4 and not steps(now, "in flight") else None

    found = await until(settled, 20.0, "four records, all settled")
    assert (len(steps(found, "duplicate")), len(steps(found, "conflict")), len(steps(found, "joined"))) == (2, 1, 1)
    places = [step["place"] for step in steps(found, "logged")]
    assert steps(found, "conflict")[0]["place"] in places[1:]


async def test_one_that_dispatch_has_not_read_is_in_flight(client: Client, trace: Trace, stack: Stack) -> None:
    await stack.end("dispatch")
    try:
        taken = await client.post("/v1/reports", client.report(42))
        code, found = await trace(taken.body["signal_id"])
        assert (code, found["state"]) == (0, "in flight") and whats(found) == ["received", "logged", "in flight"]
        # Whatever window is asked for: what is unread is searched as well.
        aged = await trace(taken.body["signal_id"], "--since", "2d", "--within", "1h")
        assert aged[1]["state"] == "in flight"
    finally:
        await stack.launch("dispatch")
    await client.status(taken.body)
    assert (await trace(taken.body["signal_id"]))[1]["state"] == "taken"


def _signal(client_id: str, content: bytes) -> Signal:
    signal = Signal(
        signal_id=ids.signal_id("key:trace", client_id), source="key:trace", client_id=client_id, home_area="x",
        package_version="t", content_sha256=content,
    )  # fmt: skip
    signal.received_at.GetCurrentTime()
    signal.observed_at.GetCurrentTime()
    signal.report.category = "nobody knows this word"
    return signal


async def test_one_that_was_parked_says_why(trace: Trace, stack: Stack) -> None:
    signal = _signal(ids.new_client_id(), hashlib.sha256(b"x").digest()[:7])
    headers = codec.Envelope(codec.SIGNAL_REPORT, "tests").headers(signal.signal_id)
    await log.put(_kafka(stack), topics.signals(Lane.P2), [(b"cell", signal.SerializeToString(), headers)])

    async def parked() -> dict[str, Any] | None:
        code, found = await trace(signal.signal_id)
        assert code == (0 if found["state"] == "in flight" else 1)
        return found if found["state"] == "parked" else None

    found = await until(parked, 20.0, "the record on its parking topic")
    (aside,) = steps(found, "parked")
    assert aside["why"] == "bad_field" and "content_sha256" in aside["detail"]
    assert aside["place"] == steps(found, "logged")[0]["place"] and whats(found) == ["received", "logged", "parked"]


async def test_one_that_nobody_knows(trace: Trace, gewu: Gewu, stack: Stack) -> None:
    code, found = await trace(str(uuid4()))
    assert (code, found["state"], found["steps"]) == (1, "not known", []) and "holds no time" in found["searched"]
    said = await gewu.there("--env-file", stack.data / "env", "trace", ids.signal_id("key:x", ids.new_client_id()))
    assert said.code == 1 and "give --since" in said.out and "the time in its id" in said.out


async def test_the_text_says_the_same(client: Client, trace: Trace, gewu: Gewu, stack: Stack) -> None:
    _, signal = await reported(client, 43, category="暴露垃圾", text="Zzyzx words", contact={"phone": "5550199"})
    found = await said(trace, signal, 2)
    ended = await gewu.there("--env-file", stack.data / "env", "trace", signal.upper())
    assert ended.code == 0 and signal in ended.out and "taken" in ended.out
    assert all(step["place"] in ended.out for step in found["steps"])
    elsewhere = (await trace(signal, "--since", "2d", "--within", "1h"))[1]
    assert whats(elsewhere)[:2] == ["received", "opened"] and "not found on the lanes" in elsewhere["notes"][0]
    for private in ("Zzyzx", "5550199"):  # a trace is about the way, not about the reporter
        assert private not in ended.out and private not in json.dumps(found)


@pytest.mark.parametrize(
    "words", [["x"], [], ["--since", "soon"], ["--within", "0s"], ["--within", "5 weeks"]], ids=" ".join
)
def test_what_makes_no_sense_is_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    id = [] if words in (["x"], []) else [str(uuid4())]
    assert main(["trace", *id, *words]) == 2 and capsys.readouterr().err


async def test_a_reading_that_is_no_crossing_is_measured_and_one_that_is_has_its_case(
    stack: Stack, trace: Trace
) -> None:
    session = int(datetime.now().timestamp())
    async with Device(stack.mqtt, "smoke-006", session=session) as device:
        for value in (1.0, 40.0):
            await device.says(value)
    signals = [ids.signal_id("sensor:smoke-006", f"{session}:{n}") for n in (1, 2)]

    async def settled() -> list[dict[str, Any]] | None:
        found = [(await trace(signal))[1] for signal in signals]
        return found if [f["state"] for f in found] == ["measured", "taken"] else None

    measured, crossing = await until(settled, 30.0, "both readings")
    assert (
        whats(measured) == ["received", "logged", "measured"]
        and steps(measured, "measured")[0]["obscuration"] == "1 %/m"
    )
    assert whats(crossing)[:3] == ["received", "logged", "opened"]
    assert (await trace(signals[0]))[0] == 0
