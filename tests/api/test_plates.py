"""A sealed plate from the log to whoever may have it: the look is noted first, the box is opened outside of all services."""

import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gewu import codec, ids, topics
from gewu.city import load
from gewu.dev.stack import Stack
from gewu.lane import Lane
from gewu.runtime import secrets_folder
from gewu.runtime.contact import Sealer
from gewu.runtime.settings import Kafka
from gewu.v1.signal_pb2 import Plate, Signal
from tests.api.conftest import Client
from tests.api.test_pictures import rows
from tests.cli.running import Gewu
from tests.support import log
from tests.support.waiting import until
from tests.video import plates

CAMERA, TEXT, PURPOSE = "99010100001310000001", "皖AG2R28", "案件 7"
WHY = "purpose=case+7"


@pytest.fixture(scope="module")
async def asking(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The run's Gewu, whose dispatch has a package with a plate rule; afterwards it is as it was."""
    folder = tmp_path_factory.mktemp("asking") / "city"
    shutil.copytree(stack.city, folder)
    today = datetime.now(load(folder).timezone).date()
    with (folder / "scenes.toml").open("a") as scenes:
        scenes.write(plates.rule(CAMERA, TEXT, PURPOSE, today))
    await stack.end("dispatch")
    await stack.launch("dispatch", {"GEWU_CITY": str(folder)})
    yield stack
    await stack.end("dispatch")
    await stack.launch("dispatch")


async def found(stack: Stack, client_id: str, rule: str = "stolen-7") -> str:
    """Say a detection with a sealed plate as video does, and return the id of its signal."""
    source, now = f"camera:{CAMERA}", datetime.now(UTC)
    city = load(stack.city)
    camera = city.cameras[CAMERA]
    said = Signal(
        signal_id=ids.signal_id(source, client_id), lane=Lane.P2.value, source=source, client_id=client_id,
        content_sha256=bytes(32), home_area="990101", package_version=city.version,
    )  # fmt: skip
    said.point.lon, said.point.lat = camera.lon, camera.lat
    said.observed_at.FromDatetime(now)
    said.received_at.FromDatetime(now)
    said.detection.camera_id, said.detection.rule_id, said.detection.category = CAMERA, rule, "matter:09009"
    plain = Plate(signal_id=said.signal_id, text=TEXT, confidence=0.9375)
    sealed = Sealer.read(stack.data / "secrets" / secrets_folder.PUBLIC).seal(plain.SerializeToString())
    said.detection.plate.key_id, said.detection.plate.box = sealed.key_id, sealed.box
    headers = codec.Envelope(codec.SIGNAL_DETECTION, "tests").headers(said.signal_id)
    kafka = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
    await log.put(kafka, topics.signals(Lane.P2), [(b"x", said.SerializeToString(), headers)])
    return said.signal_id


async def case_of(stack: Stack, signal_id: str) -> dict[str, Any]:
    """Its case, once dispatch has it."""

    async def look() -> Any:
        question = "SELECT c.* FROM dispatch.cases c JOIN dispatch.signals s USING (case_id) WHERE signal_id = $1"
        return await rows(stack, question, signal_id)

    return dict((await until(look, 20.0, "the detection's case"))[0])


async def looks(stack: Stack, signal_id: str) -> list[Any]:
    """Who was given this plate."""
    return await rows(stack, "SELECT * FROM dispatch.views WHERE plate = $1 ORDER BY view_id", signal_id)


async def test_a_sealed_plate_is_given_and_noted_and_opened_with_the_private_key_alone(
    asking: Stack, client: Client, new_key: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = await found(asking, "one")
    case = await case_of(asking, own)
    key = await new_key(f"plates:{case['department']}")
    answer = await client.desk("GET", f"/v1/cases/{case['case_id']}/plates?{WHY}", key=key)
    assert answer.status == 200 and answer.headers["cache-control"] == "no-store"
    given = [p for p in answer.body["plates"] if p["signal_id"] == own]
    assert [(p["camera_id"], p["rule_id"], p["purpose"]) for p in given] == [(CAMERA, "stolen-7", PURPOSE)]
    assert TEXT not in json.dumps(answer.body, ensure_ascii=False)
    ((at, key_id, purpose),) = [(r["at"], r["key_id"], r["purpose"]) for r in await looks(asking, own)]
    assert key_id.startswith("test-") and purpose == "case 7" and datetime.now(UTC) - at < timedelta(minutes=1)
    file = tmp_path / "sealed.json"
    file.write_text(json.dumps({"plates": given}))
    opened = Gewu(capsys)("plates", "open", file, "--keys", asking.data / "secrets" / secrets_folder.PRIVATE, "--json")
    assert opened.code == 0 and [p["plate"] for p in json.loads(opened.out)] == [TEXT]
    for name in ("logs", "postgres", "kafka"):
        for path in (asking.data / name).rglob("*"):
            assert not path.is_file() or TEXT.encode() not in path.read_bytes() or "scenes" in path.name, path


async def test_no_other_scope_is_given_a_plate_and_a_purpose_must_be_said(
    asking: Stack, client: Client, new_key: Any
) -> None:
    own = await found(asking, "two")
    case = await case_of(asking, own)
    path, department = f"/v1/cases/{case['case_id']}/plates", case["department"]
    before = await looks(asking, own)
    for scopes in (["read:*"], ["read:*", "act:*"], ["report"], ["read:*", "plates:fire"]):
        refused = await client.desk("GET", f"{path}?{WHY}", key=await new_key(*scopes))
        assert (refused.status, refused.body["code"]) == (403, "scope_missing"), scopes
    assert (await client.desk("GET", f"{path}?{WHY}")).status == 403, "the key of operations neither"
    assert (await client.desk("GET", f"{path}?{WHY}", key=await new_key("plates:fire"))).status == 404
    assert (await client.desk("GET", f"{path}?{WHY}", key="gewu_nobody")).status == 401
    lawful = await new_key(f"plates:{department}")
    for purpose in ("", "?purpose=", "?purpose=+", f"?purpose={'x' * 101}"):
        assert (await client.desk("GET", f"{path}{purpose}", key=lawful)).status == 422
    assert (await client.desk("GET", f"/v1/cases/{case['case_id']}", key=lawful)).status == 404, "nor the case"
    assert await looks(asking, own) == before == []


async def test_where_the_look_cannot_be_noted_no_box_is_given(asking: Stack, client: Client, new_key: Any) -> None:
    own = await found(asking, "three")
    case = await case_of(asking, own)
    path, key = f"/v1/cases/{case['case_id']}/plates?{WHY}", await new_key(f"plates:{case['department']}")
    await rows(asking, "REVOKE INSERT ON dispatch.views FROM gewu_dispatch")
    try:
        answer = await client.desk("GET", path, key=key)
        assert answer.status >= 500 and b"box" not in str(answer.body).encode()
    finally:
        await rows(asking, "GRANT INSERT ON dispatch.views TO gewu_dispatch")
    assert (await client.desk("GET", path, key=key)).status == 200 and len(await looks(asking, own)) == 1
    with pytest.raises(asyncpg.RaiseError, match="stays as it is"):
        await rows(asking, "DELETE FROM dispatch.views WHERE plate = $1", own)


async def test_a_box_by_a_rule_that_dispatch_does_not_have_is_given_to_nobody(
    asking: Stack, client: Client, new_key: Any
) -> None:
    own = await found(asking, "four", rule="stolen-8")
    case = await case_of(asking, own)
    key = await new_key(f"plates:{case['department']}")
    answer = await client.desk("GET", f"/v1/cases/{case['case_id']}/plates?{WHY}", key=key)
    assert answer.status == 200 and own not in [p["signal_id"] for p in answer.body["plates"]]
    assert (
        await looks(asking, own) == []
        and await rows(asking, "SELECT 1 FROM dispatch.plates WHERE signal_id = $1", own) == []
    )
