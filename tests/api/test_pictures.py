"""From an upload to a look at it: what is stored is masked, what is named was stored, who looks is noted first."""

import asyncio
import os
import signal
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from gewu.dev import processes
from gewu.dev.processes import Process
from gewu.dev.stack import Stack
from gewu.runtime import keys
from tests.api.conftest import Answer, Client
from tests.mask import hostile
from tests.support.shared import shared
from tests.support.waiting import until

JPEG = {"content-type": "image/jpeg"}
pytestmark = pytest.mark.usefixtures("masking")


@pytest.fixture
async def masking(client: Client) -> None:
    """The stack's intake can mask."""
    shared("models")
    await ready(client)


async def ready(client: Client) -> None:
    """Wait until intake can mask."""

    async def able() -> bool:
        found = await client.send("GET", f"{client.stack.intake_url}/readyz", None, None, None)
        return found.status == 200 and "without" not in found.body

    await until(able, 60.0, "a masker")


def scene() -> bytes:
    """A street with a car's plate and somebody's face in it."""
    import cv2

    street = cv2.imread(str(shared("eval/plates/frames/frame_0003.jpg")))
    face = cv2.resize(cv2.imread(str(shared("eval/faces/astronaut.png"))), (200, 200))
    street[100:300, 400:600] = face
    return hostile.encoded(street, ".jpg", 1, 95)


async def upload(
    client: Client, data: bytes, headers: dict[str, str] = JPEG, department: str | None = None, **words: Any
) -> Answer:
    """One upload; for a department's moves where one is named."""
    query = "" if department is None else f"?department={department}"
    return await client.post(f"/v1/pictures{query}", data, headers=headers, **words)


async def named(client: Client, *pictures: str, n: int = 60, **words: Any) -> Any:
    """The status of a report that names these, once it has a case."""
    taken = await client.post("/v1/reports", client.report(n, pictures=list(pictures), **words))
    assert taken.status == 202, taken
    return await client.status(taken.body)


def stored(client: Client) -> list[Path]:
    """Every file of the stack's store."""
    return [p for p in (client.stack.data / "pictures").rglob("*") if p.is_file()]


async def rows(stack: Stack, question: str, *words: Any) -> list[Any]:
    """An answer of the stack's database, as its owner."""
    connection = await asyncpg.connect(stack.dsn)
    try:
        return await connection.fetch(question, *words)
    finally:
        await connection.close()


async def test_a_picture_goes_from_upload_to_look_and_nobody_is_on_it(client: Client, new_key: Any) -> None:
    data = scene()
    up = await upload(client, data)
    assert up.status == 201 and up.body["type"] == "image/jpeg" and "yunet" in up.body["masked_by"]
    status = await named(client, up.body["picture"], text="a car in the fire lane")
    listed = await client.desk("GET", f"/v1/cases/{status['case_id']}/pictures")
    assert [(p["sha256"], p["bytes"]) for p in listed.body["pictures"]] == [(up.body["sha256"], up.body["bytes"])]
    reader = await new_key("read:*")
    query = f"?case={status['case_id']}&purpose=who+parks+there"
    seen = await client.desk("GET", f"/v1/pictures/{up.body['sha256']}{query}", key=reader)
    assert seen.status == 200 and sha256(seen.body).hexdigest() == up.body["sha256"]
    assert list(hostile.markers(seen.body)) and data not in seen.body
    promised = {
        "content-type": "image/jpeg", "x-content-type-options": "nosniff", "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; sandbox",
    }  # fmt: skip
    assert promised.items() <= dict((k.lower(), v) for k, v in seen.headers.items()).items()
    noted = await rows(client.stack, "SELECT * FROM dispatch.views WHERE sha256 = $1", bytes.fromhex(up.body["sha256"]))
    assert [(str(r["case_id"]), r["purpose"]) for r in noted] == [(status["case_id"], "who parks there")]
    file = client.stack.data / "secrets" / "keys.json"
    assert noted[0]["key_id"] == next(k.id for k in keys.read(file) if k.sha256 == keys.digest(reader))
    await _revoke(client, reader)
    assert (await client.desk("GET", f"/v1/pictures/{up.body['sha256']}", key=reader)).status == 401


async def _revoke(client: Client, secret: str) -> None:
    file = client.stack.data / "secrets" / "keys.json"
    keys.write(file, [k for k in keys.read(file) if k.sha256 != keys.digest(secret)])

    async def ended() -> bool:
        return (await client.desk("GET", "/v1/cases", key=secret)).status == 401

    await until(ended, 10.0, "the key's end")


async def test_nobody_sees_a_picture_without_the_right_to_a_case_that_names_it(client: Client, new_key: Any) -> None:
    up = await upload(client, hostile.encoded(hostile.grey(90, 60)))
    path = f"/v1/pictures/{up.body['sha256']}"
    assert (await client.desk("GET", path)).status == 404, "no case names it"
    status = await named(client, up.body["picture"], n=61)
    case = (await client.desk("GET", f"/v1/cases/{status['case_id']}")).body["case"]
    before = await _views(client, up)
    for scope in ("report", "read:nobody", "act:" + case["department"]):
        assert (await client.desk("GET", path, key=await new_key(scope))).status in (403, 404)
    assert (await client.desk("GET", path, key="")).status == 403  # the reporter's own key may not read either
    assert (await client.desk("GET", path, key="gewu_nobody")).status == 401
    assert (await client.desk("GET", f"{path}?case={up.body['sha256']}")).status == 422
    other = await client.case(62)
    assert (await client.desk("GET", f"{path}?case={other['case']['case_id']}")).status == 404
    assert await _views(client, up) == before == 0
    own = await new_key("read:" + case["department"])
    assert (await client.desk("GET", path, key=own)).status == 200
    assert await _views(client, up) == 1
    assert (
        await client.desk("GET", f"/v1/cases/{status['case_id']}/pictures", key=await new_key("read:nobody"))
    ).status == 404


async def _views(client: Client, up: Answer) -> int:
    (row,) = await rows(
        client.stack, "SELECT count(*) FROM dispatch.views WHERE sha256 = $1", bytes.fromhex(up.body["sha256"])
    )
    return int(row[0])


async def test_where_no_look_can_be_noted_none_is_given_and_none_is_ever_changed(client: Client) -> None:
    up = await upload(client, hostile.encoded(hostile.grey(91, 61)))
    await named(client, up.body["picture"], n=63)
    path = f"/v1/pictures/{up.body['sha256']}"
    assert (await client.desk("GET", path)).status == 200
    await rows(client.stack, "REVOKE INSERT ON dispatch.views FROM gewu_dispatch")
    try:
        assert (await client.desk("GET", path)).status >= 500
    finally:
        await rows(client.stack, "GRANT INSERT ON dispatch.views TO gewu_dispatch")
    assert (await client.desk("GET", path)).status == 200 and await _views(client, up) == 2
    for change in ("UPDATE dispatch.views SET key_id = ''", "DELETE FROM dispatch.views", "TRUNCATE dispatch.views"):
        with pytest.raises(asyncpg.RaiseError, match="stays as it is"):
            await rows(client.stack, change)


async def test_what_a_department_shows_of_its_work_proves_itself_and_is_seen_like_a_reports(
    client: Client, new_key: Any
) -> None:
    case = (await client.case(68, category="暴露垃圾"))["case"]
    path, department = f"/v1/cases/{case['case_id']}", case["department"]
    desk = await new_key(f"act:{department}", f"read:{department}", "report")
    up = await upload(client, scene(), key=desk, department=department)
    reports = await upload(client, scene(), key=desk)
    assert up.status == 201 and up.body["sha256"] == reports.body["sha256"]
    look = f"/v1/pictures/{up.body['sha256']}?case={case['case_id']}&purpose=is+it+swept"
    assert (await client.desk("GET", look, key=desk)).status == 404, "no move names it yet"
    wait = {"prefer": "wait=5"}
    assert (await client.desk("POST", f"{path}/actions", {"kind": "accept"}, key=desk, headers=wait)).status == 200
    for other in (reports.body["picture"], up.body["picture"][:-1] + "-"):
        said = {"kind": "done", "pictures": [up.body["picture"], other]}
        refused = await client.desk("POST", f"{path}/actions", said, key=desk, headers=wait)
        assert (refused.status, refused.body["code"]) == (409, "picture_not_ours")
    as_report = await client.post("/v1/reports", client.report(68, pictures=[up.body["picture"]]), key=desk)
    assert as_report.status == 422 and as_report.body["errors"][0]["code"] == "picture_not_ours"
    said = {"kind": "done", "pictures": [up.body["picture"]]}
    assert (await client.desk("POST", f"{path}/actions", said, key=desk, headers=wait)).status == 200
    (listed,) = (await client.desk("GET", f"{path}/pictures", key=desk)).body["pictures"]
    assert listed["sha256"] == up.body["sha256"] and listed["action_id"] and "signal_id" not in listed
    before = await _views(client, up)
    seen = await client.desk("GET", look, key=desk)
    assert seen.status == 200 and sha256(seen.body).hexdigest() == up.body["sha256"]
    assert await _views(client, up) == before + 1
    assert (await client.desk("GET", look, key=await new_key("read:nobody"))).status == 404
    assert await _views(client, up) == before + 1


async def test_only_what_was_uploaded_here_by_the_same_key_can_be_named(client: Client, new_key: Any) -> None:
    up = await upload(client, hostile.encoded(hostile.grey(92, 62)))
    name = up.body["picture"]
    wrong = [name[:-1] + ("A" if name[-1] != "A" else "B"), f"{'0' * 64}.{name.split('.', 1)[1]}", "x", "a.b.c.d.e"]
    for bad in wrong:
        refused = await client.post("/v1/reports", client.report(64, pictures=[name, bad]))
        assert refused.status == 422
        assert [(e["field"], e["code"]) for e in refused.body["errors"]] == [("$.pictures[1]", "picture_not_ours")], bad
    theirs = await client.post("/v1/reports", client.report(64, pictures=[name]), key=await new_key("report"))
    assert theirs.status == 422 and theirs.body["errors"][0]["code"] == "picture_not_ours"
    many = await client.post("/v1/reports", client.report(64, pictures=[name] * 9))
    assert many.status == 422 and many.body["errors"][0]["field"] == "$.pictures"


async def test_the_same_report_with_the_same_picture_uploaded_again_is_a_repeat(client: Client) -> None:
    data = hostile.encoded(hostile.grey(93, 63))
    first, again = await upload(client, data), await upload(client, data)
    assert first.body["sha256"] == again.body["sha256"]
    said = {"n": 65, "id": "with-a-picture", "text": "once"}
    one = await named(client, first.body["picture"], **said)
    two = await named(client, again.body["picture"], **said)
    assert one["signal_id"] == two["signal_id"]
    await named(client, n=65, text="behind both in their partition")
    (conflicts,) = await rows(
        client.stack, "SELECT count(*) FROM dispatch.conflicts WHERE signal_id = $1", one["signal_id"]
    )
    assert conflicts[0] == 0
    listed = await client.desk("GET", f"/v1/cases/{one['case_id']}/pictures")
    assert [p["sha256"] for p in listed.body["pictures"] if p["signal_id"] == one["signal_id"]] == [
        first.body["sha256"]
    ]


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (hostile.bomb(13_000), "image/png", 422, "too_long_a_side"),
        (hostile.bomb(9_000), "image/png", 422, "too_many_pixels"),
        (hostile.encoded(hostile.grey(9, 9), ".png"), "image/jpeg", 422, "wrong_format"),
        (b"GIF89a" + bytes(99), "image/png", 422, "unknown_format"),
        (b"", "image/png", 422, "unknown_format"),
        (b"<svg onload='alert(1)'/>", "image/svg+xml", 415, "wrong_type"),
        (b"x", "multipart/form-data; boundary=x", 415, "wrong_type"),
        (b"x", "application/json", 415, "wrong_type"),
        (bytes(15 * 1024 * 1024 + 1), "image/jpeg", 413, "too_large"),
    ],
)  # fmt: skip
async def test_what_is_no_picture_to_store_is_answered_precisely(
    client: Client, data: bytes, kind: str, status: int, code: str
) -> None:
    before = stored(client)
    answer = await upload(client, data, {"content-type": kind})
    assert (answer.status, answer.body["code"]) == (status, code) and answer.body["title"]
    assert stored(client) == before


async def test_a_body_without_a_length_is_counted_as_it_comes(client: Client) -> None:
    async def endless() -> Any:
        for _ in range(20 * 16):
            yield bytes(64 * 1024)

    words = {"authorization": f"Bearer {client.key}", **JPEG}
    try:
        async with client.session.post(
            f"{client.stack.intake_url}/v1/pictures", data=endless(), headers=words
        ) as answer:
            assert answer.status == 413
    except (aiohttp.ClientConnectionError, ConnectionResetError):
        pass  # it had closed before everything was sent


async def test_keys_are_asked_for_as_at_the_other_doors(client: Client, new_key: Any) -> None:
    data = hostile.encoded(hostile.grey(94, 64))
    assert (await upload(client, data, key=None)).status in (201, 401)
    assert (await upload(client, data, key="gewu_nobody")).status == 401
    assert (await upload(client, data, key=await new_key("read:*"))).status == 403
    water = await new_key("act:water")
    assert (await upload(client, data, key=water)).status == 403
    assert (await upload(client, data, key=water, department="water")).status == 201
    assert (await upload(client, data, key=water, department="fire")).status == 403
    assert (await upload(client, data, key=None, department="water")).status in (401, 403)
    for wrong in ("", "Water", "*", "water&department=fire"):
        assert (await upload(client, data, key=water, department=wrong)).status == 422
    assert (await client.send("GET", f"{client.stack.intake_url}/v1/pictures", None, "", None)).status == 405


def _children(stack: Stack) -> tuple[Process, ...]:
    pid = stack.services["intake"].pid
    own = processes.find(pid) if pid else None
    return processes.family(own)[1:] if own else ()


async def test_a_masker_that_falls_in_the_middle_of_a_picture_leaves_nothing_stored(client: Client) -> None:
    before, (child,) = stored(client), _children(client.stack)
    os.kill(child.pid, signal.SIGSTOP)
    asked = asyncio.create_task(upload(client, scene()))
    await asyncio.sleep(1.0)
    os.kill(child.pid, signal.SIGKILL)
    answer = await asked
    assert (answer.status, answer.body["code"]) == (503, "masker_failed") and int(answer.headers["retry-after"]) >= 1
    assert stored(client) == before
    assert (await upload(client, scene())).status == 201  # another child, and the same picture


async def test_without_models_no_picture_is_taken_and_reports_are(client: Client, tmp_path: Path) -> None:
    stack = client.stack
    replica = await stack.launch("intake", {"GEWU_MODELS": str(tmp_path)}, replica="intake-blind")
    try:
        url, words = replica.url, {"authorization": f"Bearer {client.key}"}

        async def blind() -> Any:
            found = await client.send("GET", f"{url}/readyz", None, None, None)
            return found if "cannot be read" in found.body.get("without", {}).get("pictures", "") else None

        assert (await until(blind, 30.0, "readiness to say so")).status == 200
        before = stored(client)
        refused = await client.send("POST", f"{url}/v1/pictures", scene(), "", JPEG)
        assert (refused.status, refused.body["code"]) == (503, "no_masker") and "models fetch" in refused.body["detail"]
        assert stored(client) == before
        assert (await client.send("POST", f"{url}/v1/reports", client.report(66), "", words)).status == 202
    finally:
        await stack.end("intake-blind")
        stack.services.pop("intake-blind")


async def test_a_picture_that_the_store_lost_or_changed_is_not_given(client: Client) -> None:
    up = await upload(client, hostile.encoded(hostile.grey(95, 65)))
    await named(client, up.body["picture"], n=67)
    (file,) = [p for p in stored(client) if p.name == up.body["sha256"]]
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"\0")
    changed = await client.desk("GET", f"/v1/pictures/{up.body['sha256']}")
    file.unlink()
    lost = await client.desk("GET", f"/v1/pictures/{up.body['sha256']}")
    file.write_bytes(data)
    assert (changed.status, changed.body["code"]) == (500, "picture_damaged")
    assert (lost.status, lost.body["code"]) == (404, "picture_gone")
    assert (await client.desk("GET", f"/v1/pictures/{up.body['sha256']}")).status == 200
