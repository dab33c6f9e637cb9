"""Dispatch's HTTP: departments read and act inside their scopes; a refused move says which are lawful."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from gewu.ids import new_client_id
from tests.api.conftest import Client, uploaded
from tests.support.waiting import until

WAIT = {"prefer": "wait=5"}


async def _act(client: Client, case_id: str, **move: Any) -> Any:
    return await client.desk("POST", f"/v1/cases/{case_id}/actions", move, headers=WAIT)


async def test_a_case_goes_from_assigned_to_handled_and_its_timeline_tells_why(client: Client) -> None:
    file = await client.case(20, category="暴露垃圾")
    case = file["case"]
    assert case["state"] == "assigned" and file["lawful"][0] == "accept"
    accepted = await _act(client, case["case_id"], kind="accept", note="on the way")
    assert (accepted.status, accepted.body["outcome"]) == (200, "applied")
    done = await _act(client, case["case_id"], kind="done")
    assert done.status == 200
    after = (await client.desk("GET", f"/v1/cases/{case['case_id']}")).body
    assert [s["change"] for s in after["timeline"]] == ["opened", "accepted", "handled"]
    assert after["case"]["state"] == "handled" and after["lawful"] == []
    assert after["timeline"][1]["note"] == "on the way" and after["timeline"][1]["said_by"] == "ops"
    if "due_at" in case:
        assert after["clocks"][0]["entry"] == "start" and case["category"] in after["clocks"][0]["why"]


async def test_an_unlawful_move_changes_nothing_and_names_the_lawful_ones(client: Client) -> None:
    case_id = (await client.case(21))["case"]["case_id"]
    refused = await _act(client, case_id, kind="done")
    assert refused.status == 409 and "accept" in refused.body["detail"]
    assert (await _act(client, case_id, kind="sleep")).status == 422
    assert (await _act(client, case_id, kind="accept", who="me")).status == 422
    assert (await client.desk("GET", f"/v1/cases/{case_id}")).body["case"]["version"] == 1


async def test_a_return_needs_a_reason_and_goes_to_the_fallback_which_cannot_return_it(client: Client) -> None:
    case = (await client.case(22, category="暴露垃圾"))["case"]
    assert case["routed_because"] == "rule"
    assert (await _act(client, case["case_id"], kind="return")).status == 409
    assert (await _act(client, case["case_id"], kind="return", note="not ours: private ground")).status == 200
    after = (await client.desk("GET", f"/v1/cases/{case['case_id']}")).body
    assert after["case"]["routed_because"] == "fallback_returned" and after["case"]["department"] != case["department"]
    assert after["timeline"][-1]["note"] == "not ours: private ground"
    assert (await _act(client, case["case_id"], kind="return", note="nor ours")).status == 409


async def test_more_time_is_asked_for_with_a_reason_and_the_deadline_stays(client: Client) -> None:
    case_id = (await client.case(36, category="暴露垃圾"))["case"]["case_id"]
    assert (await _act(client, case_id, kind="accept")).status == 200
    before = (await client.desk("GET", f"/v1/cases/{case_id}")).body
    assert before["lawful"] == ["done", "return", "extend"]
    picture = uploaded(client.stack, before["case"]["department"])
    soon = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    for move, code in (
        ({}, "note_missing"), ({"note": "rain"}, "bad_time"), ({"note": "rain", "until": "2020-01-01T00:00:00Z"}, "bad_time"),
        ({"note": "rain", "until": "2099-01-01T00:00:00+08:00"}, "bad_time"),
    ):  # fmt: skip
        refused = await _act(client, case_id, kind="extend", **move)
        assert (refused.status, refused.body["code"]) == (409, code) and "extend" in refused.body["detail"]
    for move, field in (
        ({"kind": "extend", "until": "2027-01-01T00:00:00"}, "$.until"), ({"kind": "extend", "until": "soon"}, "$.until"),
        ({"kind": "done", "until": soon}, "$.until"), ({"kind": "accept", "pictures": [picture]}, "$.pictures"),
        ({"kind": "done", "pictures": [picture, picture[1:]]}, "$.pictures[1]"),
        ({"kind": "done", "pictures": [{"sha256": "ab" * 32}]}, "$.pictures"),
        ({"kind": "done", "pictures": [picture] * 21}, "$.pictures"),
    ):  # fmt: skip
        wrong = await _act(client, case_id, **move)
        assert wrong.status == 422 and field in [e["field"] for e in wrong.body["errors"]], wrong.body
    asked = await _act(client, case_id, kind="extend", note="rain", until=soon, id="more-time")
    assert (asked.status, asked.body["outcome"]) == (200, "applied")
    assert (await _act(client, case_id, kind="extend", note="rain", until=soon, id="more-time")).body == asked.body
    after = (await client.desk("GET", f"/v1/cases/{case_id}")).body
    assert after["case"]["complete_by"] == before["case"]["complete_by"] and after["case"]["state"] == "handling"
    assert (after["timeline"][-1]["change"], after["timeline"][-1]["note"]) == ("extension_asked", "rain")
    assert [(c["entry"], c["why"]) for c in after["clocks"]][1:] == [("asked", "rain")]


async def test_what_became_of_a_move_can_be_asked_by_its_own_id(client: Client, new_key: Any) -> None:
    case = (await client.case(38, category="暴露垃圾"))["case"]
    own, stranger = (
        await new_key(f"read:{case['department']}"),
        await new_key("read:nobody-knows-it", "act:nobody-knows-it"),
    )
    path = f"/v1/cases/{case['case_id']}/actions"
    early, late = f"early-{case['case_id']}", f"late-{case['case_id']}"
    assert (await client.desk("GET", f"{path}/{late}", key=own)).body["code"] == "not_judged"
    await client.desk("POST", path, {"kind": "accept", "id": late}, headers=WAIT)
    found = await client.desk("GET", f"{path}/{late}", key=own, headers=WAIT)
    assert (found.status, found.body["outcome"]) == (200, "applied")
    assert (await client.desk("GET", f"{path}/{late}", key=stranger)).status == 404
    assert (await client.desk("GET", f"{path}/{early}")).status == 404


async def test_what_was_done_is_shown_with_its_pictures(client: Client) -> None:
    case = (await client.case(37, category="暴露垃圾"))["case"]
    case_id, picture = case["case_id"], uploaded(client.stack, case["department"])
    assert (await _act(client, case_id, kind="accept")).status == 200
    done = {"kind": "done", "note": "swept", "pictures": [picture], "id": f"swept-{case_id}"}
    assert (await _act(client, case_id, **done)).status == 200
    again = {**done, "pictures": [uploaded(client.stack, case["department"])]}  # the same file, uploaded again
    assert (await _act(client, case_id, **again)).status == 200
    after = (await client.desk("GET", f"/v1/cases/{case_id}")).body
    shown = {"sha256": picture.split(".")[0], "bytes": 70_000, "type": "image/jpeg", "masked_by": "test 1"}
    assert [s.get("pictures", []) for s in after["timeline"]] == [[], [], [shown]]


async def test_the_same_action_twice_is_one(client: Client) -> None:
    case_id = (await client.case(23))["case"]["case_id"]
    first = await _act(client, case_id, kind="accept", id="once")

    async def settled() -> Any:
        return (await client.desk("GET", f"/v1/cases/{case_id}")).body["case"]["version"] == 2

    await until(settled)
    again = await client.desk("POST", f"/v1/cases/{case_id}/actions", {"kind": "accept", "id": "once"})
    assert (first.status, again.status) == (200, 200) and first.body == again.body, "the same question, the same answer"
    other = await client.desk("POST", f"/v1/cases/{case_id}/actions", {"kind": "done", "id": "once"}, headers=WAIT)
    assert (other.status, other.body["code"]) == (409, "conflict")
    await asyncio.sleep(0.3)
    assert (await client.desk("GET", f"/v1/cases/{case_id}")).body["case"]["version"] == 2


@pytest.mark.parametrize("of", ["one department", "all departments"])
async def test_a_return_said_again_has_its_first_answer_although_the_case_has_left(
    client: Client, new_key: Any, of: str
) -> None:
    case = (await client.case(32 if of == "one department" else 33, category="暴露垃圾"))["case"]
    key = await new_key(f"act:{case['department']}" if of == "one department" else "act:*")
    path, back = (
        f"/v1/cases/{case['case_id']}/actions",
        {"kind": "return", "note": "not ours", "id": f"back-{new_client_id()}"},
    )
    first = await client.desk("POST", path, back, key=key, headers=WAIT)
    assert (first.status, first.body["outcome"]) == (200, "applied")
    for _ in range(2):
        again = await client.desk("POST", path, back, key=key)
        assert (again.status, again.body) == (200, first.body), "the same question, the same answer"
    other = await client.desk("POST", path, {**back, "note": "nor anybody's"}, key=key)
    assert (other.status, other.body["code"]) == (409, "conflict")
    fresh = await client.desk("POST", path, {**back, "id": "another"}, key=key)
    assert fresh.status == (404 if of == "one department" else 409), "another question is judged by where the case is"
    stranger = await client.desk("POST", path, back, key=await new_key("act:nobody-knows-it"))
    assert stranger.status == 404
    assert (await client.desk("GET", f"/v1/cases/{case['case_id']}")).body["case"]["version"] == 2


async def test_an_id_used_for_another_case_is_a_conflict(client: Client) -> None:
    one, other = [(await client.case(n, category="暴露垃圾"))["case"] for n in (34, 35)]
    assert one["case_id"] != other["case_id"] and one["department"] == other["department"]
    assert (await _act(client, one["case_id"], kind="accept", id="for-one")).status == 200
    refused = await _act(client, other["case_id"], kind="accept", id="for-one")
    assert (refused.status, refused.body["code"]) == (409, "conflict")


async def test_a_key_sees_only_what_its_scopes_cover(client: Client, new_key: Any) -> None:
    case = (await client.case(24))["case"]
    own, area = await new_key(f"read:{case['department']}"), await new_key(f"read:{case['grid_path'][0]}")
    other, reporter = await new_key("read:nobody-knows-it"), await new_key("report")
    for key in (own, area):
        assert (await client.desk("GET", f"/v1/cases/{case['case_id']}", key=key)).status == 200
        listed = (await client.desk("GET", "/v1/cases?limit=500", key=key)).body["cases"]
        assert listed and all(
            c["department"] == case["department"] or case["grid_path"][0] in c["grid_path"] for c in listed
        )
    assert (await client.desk("GET", f"/v1/cases/{case['case_id']}", key=other)).status == 404
    assert (await client.desk("GET", "/v1/cases", key=other)).body["cases"] == []
    assert (await client.desk("GET", "/v1/cases", key=reporter)).status == 403
    assert (await client.desk("GET", f"/v1/cases/{case['case_id']}", key="nobody")).status == 401
    move = await client.desk("POST", f"/v1/cases/{case['case_id']}/actions", {"kind": "accept"}, key=own)
    assert move.status == 403 and "act:" in move.body["detail"]


async def test_pages_follow_each_other_without_gap_or_repeat(client: Client) -> None:
    for n in range(25, 31):
        await client.case(n)
    seen: list[str] = []
    after = ""
    while True:
        page = (await client.desk("GET", f"/v1/cases?limit=4{after}")).body
        seen += [c["case_id"] for c in page["cases"]]
        if "next" not in page:
            break
        after = f"&after={page['next']}"
    everything = [c["case_id"] for c in (await client.desk("GET", "/v1/cases?limit=500")).body["cases"]]
    assert seen[: len(everything)] == everything and len(set(seen)) == len(seen)


async def test_wrong_questions_get_precise_answers(client: Client) -> None:
    for query in ("limit=0", "limit=x", "state=sleeping", "after=%00", "department=%00"):
        found = await client.desk("GET", f"/v1/cases?{query}")
        assert found.status == 422 and found.body["errors"], query
    assert (await client.desk("GET", f"/v1/cases/{uuid4()}")).status == 404
    assert (await client.desk("GET", "/v1/cases/not-a-uuid")).status == 404


async def test_no_answer_of_the_api_holds_a_contact(client: Client) -> None:
    file = await client.case(31, contact={"name": "Zzyzx Contact", "phone": "5550199"})
    everything = repr(file) + repr((await client.desk("GET", "/v1/cases?limit=500")).body)
    assert "Zzyzx" not in everything and "5550199" not in everything


async def test_a_case_shows_its_light_by_itself_and_in_a_list(client: Client) -> None:
    case_id = (found := (await client.case(46, category="暴露垃圾"))["case"])["case_id"]
    assert found["light"] == {"colour": "none", "situation": "not_near"}
    for kind in ("accept", "done"):
        assert (await _act(client, case_id, kind=kind)).status == 200
    after = (await client.desk("GET", f"/v1/cases/{case_id}")).body["case"]
    assert after["light"] == {"colour": "green", "situation": "done_in_time"}
    listed = (await client.desk("GET", f"/v1/cases?department={found['department']}&limit=200")).body["cases"]
    assert next(c["light"] for c in listed if c["case_id"] == case_id) == after["light"]
    assert all("light" in c for c in listed)
