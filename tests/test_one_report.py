"""docs/one-report.md is true: every function stands where it says, and one report's id passes the logs in its order."""

import importlib
import inspect
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gewu import ids, topics
from gewu.city import load
from gewu.dev.children import log_end, written_since
from gewu.dev.stack import Stack
from gewu.runtime import keys
from gewu.runtime.settings import Kafka
from gewu.v1.assignment_pb2 import Assignment, AssignmentKind
from tests.support import log
from tests.support.waiting import until

ROOT = Path(__file__).parents[1]
SERVICES = ("intake", "dispatch")
Line = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """A row of the page's table; `log` is (where, what it says, the field with the id) or None."""

    step: int
    file: str
    function: str
    log: tuple[str, str, str] | None


def _rows() -> list[Row]:
    found = []
    for line in (ROOT / "docs/one-report.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and cells[0].isdigit():
            words = cells[3].replace("`", "").split()
            found.append(Row(int(cells[0]), cells[1], cells[2], (words[0], words[1], words[2]) if words else None))
    return found


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row.function)
def test_the_function_stands_where_the_page_says(row: Row) -> None:
    module, _, name = row.function.partition(":")
    found: Any = importlib.import_module(module)
    assert Path(found.__file__) == ROOT / row.file
    for part in name.split("."):
        found = getattr(found, part)
    assert Path(inspect.getsourcefile(inspect.unwrap(found)) or "") == ROOT / row.file


def test_the_page_has_the_six_steps_in_order() -> None:
    steps = [row.step for row in _rows()]
    assert steps == sorted(steps) and set(steps) == set(range(1, 7))
    assert {row.step for row in _rows() if row.log} == set(range(1, 6)), "step 6 is the department's topic"


@pytest.fixture
async def talkative(stack: Stack) -> AsyncIterator[Stack]:
    """The stack with services that log everything; they are as before afterwards."""
    await _again(stack, {"GEWU_LOG_LEVEL": "debug"})
    yield stack
    await _again(stack, {})


async def _again(stack: Stack, variables: dict[str, str]) -> None:
    for name in SERVICES:
        await stack.end(name)
        await stack.launch(name, variables)


async def test_one_report_passes_the_logs_in_the_order_of_the_page(talkative: Stack) -> None:
    written = {name: log_end(talkative.services[name].log) for name in SERVICES}
    signal = await _report(talkative)
    wanted = [row.log for row in _rows() if row.log]

    async def passed() -> list[Line]:
        found = [line for name in SERVICES for line in _lines(talkative, name, written[name], signal)]
        return found if found and found[-1] == wanted[-1][:2] else []

    seen = await until(passed, 30.0, "the report's last line")
    # Each event's ack has a line of its own: a case that opens is said on two topics, perhaps in two helpings.
    assert list(dict.fromkeys(seen)) == [line[:2] for line in wanted]
    await _stands_on_the_departments_topic(talkative, ids.case_id(signal))


def _lines(stack: Stack, name: str, position: int, signal: str) -> list[Line]:
    """(where, what it says) of every line of this service that names the signal, in the order of the log."""
    fields = {row.log[:2]: row.log[2] for row in _rows() if row.log}
    found = []
    for text in written_since(stack.services[name].log, position).splitlines():
        line = json.loads(text) if text.startswith("{") and text.endswith("}") else {}
        named = line.get(fields.get((line.get("where"), line.get("say")), ""), ())
        if signal == named or signal in named:
            found.append((line["where"], line["say"]))
    return found


async def _report(stack: Stack) -> str:
    """Bring one report under a key of its own; returns its signal id."""
    file, secret = stack.data / "secrets" / "keys.json", keys.new_secret()
    known = [key for key in keys.read(file) if key.id != "one-report"]
    keys.write(file, [*known, keys.Key("one-report", keys.digest(secret), ("report",))])
    lon, lat = load(stack.city).owners.shapes[0].representative_point().coords[0]
    body = {"id": ids.new_client_id(), "category": "nobody has a word for it", "place": {"lon": lon, "lat": lat}}
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {secret}"}) as session:

        async def taken() -> Any:
            async with session.post(f"{stack.intake_url}/v1/reports", json=body) as answer:
                return await answer.json() if answer.status == 202 else None

        accepted = await until(taken, 10.0, "the key within 5 s")
    assert accepted["signal_id"] == ids.signal_id("key:one-report", body["id"])
    return str(accepted["signal_id"])


async def _stands_on_the_departments_topic(stack: Stack, case: str) -> None:
    department = load(stack.city).fallback.id
    topic = next(t for t in topics.registry([department]) if t.name == topics.dispatch(department))
    settings = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
    records = await log.read(settings, topic.name, topics.partition(case, topic.partitions))
    (own,) = [Assignment.FromString(r.value) for r in records if r.key == case.encode()]
    assert own.case.case_id == case and own.kind == AssignmentKind.ASSIGNMENT_KIND_NEW
