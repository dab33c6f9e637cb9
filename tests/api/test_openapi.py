"""What the documents promise holds under input that nobody thought of: schemathesis over both /openapi.json."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks

from tests.api.conftest import Client
from tests.api.test_pictures import ready, upload
from tests.mask import hostile
from tests.support.shared import shared
from tests.support.waiting import until


def wrong_bodies_are_refused(ctx: Any, response: Any, case: Case) -> bool | None:
    """Schemathesis' own check, for wrong JSON bodies only.

    Our key goes over a wrong header, an unknown query is passed over, and any text is lines of a batch.
    """
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    if body is None or body.mode is GenerationMode.POSITIVE or case.media_type != "application/json":
        return None
    if response.status_code == 413:
        return None  # refused before it was read: texts of any length are wrong, and many of them too large
    return checks.negative_data_rejection(ctx, response, case)


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    wrong_bodies_are_refused,
]
OPERATIONS = [
    "POST /v1/reports", "POST /v1/reports:batch", "GET /v1/cases", "GET /v1/cases/{case_id}",
    "POST /v1/cases/{case_id}/actions", "GET /v1/cases/{case_id}/actions/{move_id}", "GET /v1/reports/{signal_id}",
    "POST /v1/pictures",
    "GET /v1/cases/{case_id}/pictures", "GET /v1/pictures/{sha256}",
    "GET /v1/cases/{case_id}/plates",
]  # fmt: skip
_bounded = settings(
    max_examples=40, deadline=None, phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck)
)  # fmt: skip


@schemathesis.serializer("application/x-ndjson")
def _lines(_: Any, value: Any) -> bytes:
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def _schemas(client: Client) -> dict[str, Any]:
    """Both documents, as they are served, and the key to speak with."""
    found = {}
    for url, key in ((client.stack.intake_url, client.key), (client.stack.dispatch_url, client.stack.ops_key)):
        document = schemathesis.openapi.from_url(f"{url}/openapi.json", config=schemathesis.Config())
        for result in document.get_all_operations():
            found[result.ok().label] = (result.ok(), key)
    return found


def _explore(operation: APIOperation, key: str, mode: GenerationMode, **fixed: Any) -> list[requests.Response]:
    """Ask many times; every answer is what the document promises."""
    answers = []

    @_bounded
    @given(case=operation.as_strategy(mode, **fixed))
    def ask(case: Case) -> None:
        answers.append(case.call_and_validate(headers={"authorization": f"Bearer {key}"}, checks=CHECKS))

    ask()
    assert answers
    return answers


def _landed(client: Client, answers: list[Any]) -> Callable[[], Any]:
    """Whether dispatch has taken in whatever intake took."""
    urls = [a["status_url"] for a in answers]

    async def look() -> bool:
        found = await asyncio.gather(*(client.send("GET", url, None, None, None) for url in urls))
        return all(f.status == 200 and f.body["status"] != "accepted" for f in found)

    return look


async def test_every_operation_is_explored(client: Client) -> None:
    assert sorted(_schemas(client)) == sorted(OPERATIONS)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda m: m.value)
@pytest.mark.parametrize("label", OPERATIONS)
async def test_an_operation_keeps_its_promises(client: Client, label: str, mode: GenerationMode) -> None:
    operation, key = _schemas(client)[label]
    if label == "POST /v1/pictures":
        if mode is GenerationMode.NEGATIVE:
            return  # any bytes are what its document asks for
        shared("models")  # without a masker every answer is 503
        await ready(client)
    answers = await asyncio.to_thread(_explore, operation, key, mode)
    if label == "POST /v1/reports" and mode is GenerationMode.POSITIVE:
        taken = [a.json() for a in answers if a.status_code == 202]
        assert taken, "nothing was taken: the door was not reached"
        await until(_landed(client, taken), what="dispatch to read whatever intake took")


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda m: m.value)
@pytest.mark.parametrize("label", [o for o in OPERATIONS if "{" in o])
async def test_an_operation_keeps_its_promises_about_what_exists(
    client: Client, label: str, mode: GenerationMode
) -> None:
    name = label.partition("{")[2].partition("}")[0]
    up = await _uploaded(client) if name == "sha256" else {}
    named = {"pictures": [up["picture"]]} if up else {}
    taken = await client.post("/v1/reports", client.report(40, text=str(uuid4()), **named))
    status = await client.status(taken.body)
    known = {"case_id": status["case_id"], "signal_id": taken.body["signal_id"], "sha256": up.get("sha256")}
    operation, key = _schemas(client)[label]
    fixed: dict[str, Any] = {"path_parameters": {name: known[name]}}
    if name == "signal_id" and mode is GenerationMode.POSITIVE:
        fixed["query"] = {"token": taken.body["status_url"].partition("token=")[2]}
    if name == "sha256" and mode is GenerationMode.POSITIVE:
        fixed["query"] = {"case": status["case_id"]}  # one that is drawn names no picture
    answers = await asyncio.to_thread(_explore, operation, key, mode, **fixed)
    if mode is GenerationMode.POSITIVE and "move_id" not in label:  # of which none was said
        assert 404 not in Counter(a.status_code for a in answers)


async def _uploaded(client: Client) -> Any:
    shared("models")
    await ready(client)
    return (await upload(client, hostile.encoded(hostile.grey(96, 66)))).body


async def test_a_batch_of_drawn_reports_has_an_answer_a_line_and_what_is_taken_lands(client: Client) -> None:
    schemas = _schemas(client)
    report, batch = schemas["POST /v1/reports"][0], schemas["POST /v1/reports:batch"][0]
    taken: list[dict[str, Any]] = []

    @_bounded
    @given(st.data())
    def send(data: st.DataObject) -> None:
        modes = st.sampled_from(list(GenerationMode))
        drawn = [data.draw(report.as_strategy(data.draw(modes))).body for _ in range(5)]
        lines = [json.dumps(b) for b in drawn if isinstance(b, dict)] or ["{}"]
        case = batch.Case(body="\n".join(lines), media_type="application/x-ndjson")
        found = case.call_and_validate(headers={"authorization": f"Bearer {client.key}"}, checks=CHECKS)
        answers = [
            json.loads(line) for line in found.content.split(b"\n") if line
        ]  # not splitlines: U+2028 is no line end
        assert [a["line"] for a in answers] == list(range(1, len(lines) + 1))
        assert {a["outcome"] for a in answers} <= {"accepted", "rejected"}
        taken.extend(a for a in answers if a["outcome"] == "accepted")

    await asyncio.to_thread(send)
    assert taken
    await until(_landed(client, taken), what="dispatch to read whatever intake took")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_a_door_says_which_method_it_takes(client: Client, method: str) -> None:
    doors = [f"{client.stack.intake_url}{path}" for path in ("/v1/reports", "/v1/reports:batch", "/v1/pictures")]
    for url in (*doors, f"{client.stack.dispatch_url}/v1/cases/{uuid4()}/actions"):
        answer = await client.send(method, url, None, "", None)
        assert (answer.status, answer.headers.get("allow")) == (405, "POST")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", "now"])
async def test_a_cursor_of_no_page_of_ours_is_refused(client: Client, at: str) -> None:
    cursor = urlsafe_b64encode(f"{at} {uuid4()}".encode()).decode()
    answer = await client.desk("GET", f"/v1/cases?after={cursor}")
    assert answer.status == 422 and answer.body["errors"][0]["field"] == "after"


async def test_a_move_that_is_refused_only_at_its_judgement_is_a_problem_too(client: Client) -> None:
    case_id = (await client.case(41, text=str(uuid4())))["case"]["case_id"]
    path = f"/v1/cases/{case_id}/actions"
    # Both pass the early look; the log's order decides.
    moves = [client.desk("POST", path, {"kind": "accept"}, headers={"prefer": "wait=5"}) for _ in range(8)]
    answers = await asyncio.gather(*moves)
    assert Counter(a.status for a in answers)[200] == 1
    for answer in answers:
        if answer.status != 200:
            assert answer.status == 409 and answer.body["code"] == "not_lawful_now"
            assert answer.headers["content-type"] == "application/problem+json"
