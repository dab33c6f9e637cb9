"""Dispatch's OpenAPI document."""

from typing import Any

from gewu.runtime import apidocs
from gewu.runtime.problem import Problem
from gewu_dispatch.domain.case import State
from gewu_dispatch.http import views
from gewu_dispatch.http.desk import MoveSaid


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def _query(name: str, description: str, schema: dict[str, Any], required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def document() -> dict[str, Any]:
    """The whole document."""
    refused = {"401": ("no key", Problem), "503": ("the database or the broker is away; come back", Problem)}
    text = {"type": "string", "maxLength": 100}
    listing = apidocs.operation(
        "List cases", "Newest first; only what the key's read scopes cover.",
        parameters=[
            _query("department", "Only this department's.", text), _query("area", "Only inside this grid, of any level.", text),
            _query("state", "Only in these states.", {"type": "array", "items": {"enum": [s.name.lower() for s in State]}}),
            _query("limit", "At most this many.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}),
            _query("after", "The `next` of the page before.", {"type": "string"}),
        ],
        answers={"200": ("a page", views.Page), **refused, "403": ("the key has no read scope", Problem), "422": ("the query is wrong", Problem)},
    )  # fmt: skip
    one = apidocs.operation(
        "Read a case", "With its timeline, what was noticed, its clock ledger, and the moves that are lawful now.",
        parameters=[_path("case_id")], answers={"200": ("the case", views.CaseFile), **refused, "404": ("no such case for this key", Problem)},
    )  # fmt: skip
    act = apidocs.operation(
        "Answer for a department", "Said on actions.<department> and answered after the ack; `Prefer: wait=2` waits for the outcome.",
        parameters=[_path("case_id"), {"name": "Prefer", "in": "header", "required": False, "schema": {"type": "string", "pattern": "^wait=[0-9]{1,2}$"}}],
        body=("application/json", MoveSaid, {"kind": "accept"}),
        answers={
            "200": ("applied", views.ActionAnswer), "202": ("said, not judged yet", views.ActionAnswer), **refused,
            "403": ("the key lacks act:<department>", Problem), "404": ("no such case for this key", Problem),
            "409": ("not lawful now; the moves that are", Problem), "413": ("too large", Problem), "422": ("wrong", Problem),
        },
    )  # fmt: skip
    status = apidocs.operation(
        "Status of a report", "For whoever holds the link that intake answered with; needs no key.",
        parameters=[_path("signal_id"), _query("token", "From the link.", {"type": "string"}, required=True)],
        answers={"200": ("the report", views.ReportStatus), "404": ("no such report, or not its token", Problem), "503": refused["503"]},
    )  # fmt: skip
    status["security"] = []
    return apidocs.document(
        "Gewu dispatch",
        {
            "/v1/cases": {"get": listing}, "/v1/cases/{case_id}": {"get": one},
            "/v1/cases/{case_id}/actions": {"post": act}, "/v1/reports/{signal_id}": {"get": status},
        },
    )  # fmt: skip
