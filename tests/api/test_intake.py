"""Intake's doors: what is good is taken after the ack, what is bad is answered with every field and reason."""

from typing import Any

import msgspec
import pytest

from gewu.lane import Lane
from tests.api.conftest import Client

NDJSON = {"content-type": "application/x-ndjson"}


def _reasons(answer: Any) -> dict[str, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return {e["field"]: e["code"] for e in answer.body["errors"]}


async def test_a_report_is_accepted_and_its_link_shows_its_case(client: Client) -> None:
    taken = await client.post("/v1/reports", client.report(text="a cover is missing"))
    assert taken.status == 202
    status = await client.status(taken.body)
    assert status["status"] in ("opened", "joined") and status["case_state"] == "assigned"
    assert "text" not in status and "department" not in status


async def test_a_link_of_a_report_that_dispatch_has_not_seen_says_accepted(client: Client) -> None:
    from gewu import ids
    from gewu.runtime.link import Links

    unseen = ids.signal_id("nobody", "nothing")
    secret = (client.stack.data / "secrets" / "link.secret").read_bytes()[:64]
    found = await client.desk("GET", f"/v1/reports/{unseen}?token={Links(secret).token(unseen)}", key="none")
    assert (found.status, found.body["status"]) == (200, "accepted")
    assert (await client.desk("GET", f"/v1/reports/{unseen}?token=wrong", key="none")).status == 404


async def test_every_wrong_field_is_named_with_its_reason(client: Client) -> None:
    bad = {"text": 5, "place": {"lon": 200, "lat": "x", "z": 1}, "id": "no spaces please", "surprise": True}
    answer = await client.post("/v1/reports", bad)
    assert answer.status == 422
    assert set(_reasons(answer)) == {
        "$.category", "$.text", "$.place.lon", "$.place.lat", "$.place.z", "$.id", "$.surprise",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (b"", "$", "not_json"),
        (b"{", "$", "not_json"),
        (b"[1]", "$", "not_an_object"),
        (b"\xff\xfe", "$", "not_json"),
        (b"[" * 5000, "$", "not_json"),
        (b'{"category": "manhole", "text": "\\ud800"}', "$", "not_json"),
        (b'{"category": "manhole", "place": {"lon": NaN, "lat": 1}}', "$", "not_json"),
        (b'{"category": "manhole", "place": {"lon": 1e400, "lat": 1}}', "$", "not_json"),
        (b'{"category": "manhole", "place": {"lon": 0, "lat": 0}}', "$.place", "out_of_city"),
        (b'{"category": "manhole\\u0000"}', "$.category", "nul_in_text"),
        (b'{"category": "manhole", "observed_at": "2199-01-01T00:00:00Z"}', "$.observed_at", "in_the_future"),
        (b'{"category": "manhole", "observed_at": "1999-01-01T00:00:00Z"}', "$.observed_at", "too_old"),
        (b'{"category": "manhole", "observed_at": "2026-01-01T00:00:00"}', "$.observed_at", "invalid"),
    ],
)  # fmt: skip
async def test_bad_reports_get_a_precise_answer(client: Client, body: bytes, field: str, code: str) -> None:
    answer = await client.post("/v1/reports", body)
    assert answer.status == 422 and _reasons(answer).get(field) == code, answer.body


async def test_what_is_too_large_or_of_another_type_is_refused(client: Client) -> None:
    large = client.report(text="x" * 40_000)
    assert (await client.post("/v1/reports", large)).status == 413
    assert (await client.post("/v1/reports", b"x", headers={"content-type": "text/plain"})).status == 415
    assert (await client.post("/v1/reports:batch", b"{}", headers={"content-type": "application/json"})).status == 415
    assert (await client.post("/v1/reports:batch", b"{}\n" * 1001, headers=NDJSON)).status == 413
    assert (await client.post("/v1/reports:batch", b"\n\n", headers=NDJSON)).status == 422


async def test_keys_are_asked_for_and_scopes_hold(client: Client, new_key: Any) -> None:
    unknown = await client.post("/v1/reports", client.report(), key="gewu_of-nobody")
    assert unknown.status == 401 and unknown.headers["www-authenticate"] == "Bearer"
    assert (
        await client.post("/v1/reports", client.report(), headers={"authorization": "Basic eDp5"}, key=None)
    ).status == 401
    reader = await new_key("read:*")
    assert (await client.post("/v1/reports", client.report(), key=reader)).status == 403


async def test_anonymous_reports_are_taken_where_the_package_allows_them(client: Client) -> None:
    from gewu.city import load

    answer = await client.post("/v1/reports", client.report(7), key=None)
    assert answer.status == (202 if load(client.stack.city).anonymous_reports else 401)


async def test_every_line_of_a_batch_has_its_own_answer(client: Client) -> None:
    good = msgspec.json.encode(client.report(3))
    lines = [good, b"{", msgspec.json.encode({"category": "manhole", "place": {"lon": 0, "lat": 0}}), good]
    answer = await client.post("/v1/reports:batch", b"\n".join(lines) + b"\n", headers=NDJSON)
    assert answer.status == 200
    assert [(a["line"], a["outcome"]) for a in answer.body] == [
        (1, "accepted"),
        (2, "rejected"),
        (3, "rejected"),
        (4, "accepted"),
    ]
    assert answer.body[2]["errors"][0]["code"] == "out_of_city"
    assert answer.body[0]["signal_id"] != answer.body[3]["signal_id"], (
        "without an id of the client each is a new report"
    )


async def test_the_same_id_is_one_report_and_another_content_under_it_is_a_conflict(client: Client) -> None:
    said = client.report(5, id="one-act", text="first", contact={"phone": "1"})
    first = await client.post("/v1/reports", said)
    before = await client.status(first.body)
    again = await client.post("/v1/reports", {**said, "contact": {"phone": "2"}})
    other = await client.post("/v1/reports", {**said, "text": "something else"})
    assert {first.body["signal_id"], again.body["signal_id"]} == {other.body["signal_id"]}

    async def conflicts() -> Any:
        status = await client.status(first.body)
        return status if status.get("conflicts") else None

    from tests.support.waiting import until

    after = await until(conflicts, what="the conflict")
    assert after["conflicts"] == 1 and after["case_id"] == before["case_id"]


async def test_another_keys_report_under_the_same_id_is_another_report(client: Client, new_key: Any) -> None:
    said = client.report(6, id="shared-id")
    mine = await client.post("/v1/reports", said)
    theirs = await client.post("/v1/reports", said, key=await new_key("report"))
    assert mine.body["signal_id"] != theirs.body["signal_id"]


async def test_the_server_decides_the_lane(client: Client) -> None:
    assert "lane" not in (await client.post("/v1/reports", client.report())).body
    refused = await client.post("/v1/reports", client.report(lane="p0"))
    assert _reasons(refused) == {"$.lane": "unknown_field"}
    gas = await client.case(8, category="gas leak")
    assert gas["case"]["lane"] == Lane.P0.label


async def test_docs_and_openapi_are_served(client: Client) -> None:
    for url in (client.stack.intake_url, client.stack.dispatch_url):
        document = await client.send("GET", f"{url}/openapi.json", None, None, None)
        assert document.status == 200 and document.body["openapi"].startswith("3.1")
        page = await client.send("GET", f"{url}/docs", None, None, None)
        assert page.status == 200 and b"/v1/" in page.body and b"http" not in page.body.replace(b"HTTP", b"")
