"""Dispatch's OpenAPI document."""

from typing import Any

from gewu.runtime import apidocs
from gewu.runtime.problem import Problem
from gewu_dispatch.domain.case import State
from gewu_dispatch.http import views
from gewu_dispatch.http.desk import MoveSaid
from gewu_dispatch.http.pictures import PICTURE


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def _query(name: str, description: str, schema: dict[str, Any], required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


_REFUSED = {
    "401": ("no key", Problem),
    "503": ("the database or the broker is away; Retry-After says when to come back", Problem),
}
_TEXT = {"type": "string", "maxLength": 100}
_SAID = {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "\\S"}
_STATES = {"type": "array", "items": {"enum": [s.name.lower() for s in State]}}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "wait=n: wait up to n seconds, 10 at most, for the outcome. Anything else is passed over.",
    "schema": {"type": "string", "examples": ["wait=2"]},
}
_NO_CASE = ("no such case for this key", Problem)


def document() -> dict[str, Any]:
    """The whole document."""
    return apidocs.document(
        "Gewu dispatch",
        {
            "/v1/cases": {"get": _listing()},
            "/v1/cases/{case_id}": {"get": _case()},
            "/v1/cases/{case_id}/pictures": {"get": _pictures()},
            "/v1/pictures/{sha256}": {"get": _picture()},
            "/v1/cases/{case_id}/plates": {"get": _plates()},
            "/v1/cases/{case_id}/actions": {"post": _act()},
            "/v1/cases/{case_id}/actions/{move_id}": {"get": _became()},
            "/v1/reports/{signal_id}": {"get": _status()},
        },
    )


def _listing() -> dict[str, Any]:
    return apidocs.operation(
        "List cases",
        "Newest first; only what the key's read scopes cover.",
        parameters=[
            _query("department", "Only this department's.", _TEXT),
            _query("area", "Only inside this grid, of any level.", _TEXT),
            _query("state", "Only in these states.", _STATES),
            _query("limit", "At most this many.", _LIMIT),
            _query("after", "The `next` of the page before.", {"type": "string"}),
        ],
        answers={
            "200": ("a page", views.Page),
            **_REFUSED,
            "403": ("the key has no read scope", Problem),
            "422": ("the query is wrong", Problem),
        },
    )


def _case() -> dict[str, Any]:
    return apidocs.operation(
        "Read a case",
        "With its timeline, what was noticed, its clock ledger, and the moves that are lawful now.",
        parameters=[_path("case_id")],
        answers={"200": ("the case", views.CaseFile), **_REFUSED, "404": _NO_CASE},
    )


def _pictures() -> dict[str, Any]:
    return apidocs.operation(
        "List a case's pictures",
        "What the signals behind the case and its department's moves named; the bytes of each under /v1/pictures.",
        parameters=[_path("case_id")],
        answers={"200": ("the pictures", views.Pictures), **_REFUSED, "404": _NO_CASE},
    )


def _plates() -> dict[str, Any]:
    return apidocs.operation(
        "Be given a case's sealed plates",
        "What plate rules found, as sealed boxes that no service can open. For the scope plates:<department> of the case's "
        "department. Who, when, which plate and what for is noted before anything is given. The newest 100.",
        parameters=[_path("case_id"), _query("purpose", "What for, for the record.", _SAID, required=True)],
        answers={
            "200": ("the boxes", views.SealedPlates),
            **_REFUSED,
            "403": ("the key lacks plates:<department>", Problem),
            "404": _NO_CASE,
            "422": ("no purpose is said", Problem),
        },
    )


def _picture() -> dict[str, Any]:
    found = apidocs.operation(
        "See a picture",
        "For whoever may read a case that names it. Who, when, which case and what for is noted before it is given.",
        parameters=[
            {
                "name": "sha256",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            },
            _query("case", "The case for the sake of which.", {"type": "string", "format": "uuid"}),
            _query("purpose", "What for, for the record.", _TEXT),
        ],
        answers={
            **_REFUSED,
            "403": ("the key has no read scope", Problem),
            "404": ("no such picture for this key", Problem),
            "422": ("the query is wrong", Problem),
            "500": ("the store has another content under this name", Problem),
            "501": ("this installation keeps no pictures", Problem),
        },
    )
    found["responses"]["200"] = {"description": "the picture", "content": apidocs.binary(PICTURE)}
    return found


def _act() -> dict[str, Any]:
    return apidocs.operation(
        "Answer for a department",
        "Said on actions.<department> and answered after the ack; `Prefer: wait=2` waits for the outcome.",
        parameters=[_path("case_id"), _PREFER],
        body=("application/json", MoveSaid, {"kind": "accept"}),
        answers={
            "200": ("applied", views.ActionAnswer),
            "202": ("said, not judged yet", views.ActionAnswer),
            **_REFUSED,
            "403": ("the key lacks act:<department>", Problem),
            "404": _NO_CASE,
            "409": ("refused, its code is the reason; or the id was used for another move", Problem),
            "408": ("the body came too slowly", Problem),
            "413": ("too large", Problem),
            "422": ("wrong; every field and reason", Problem),
        },
    )


def _became() -> dict[str, Any]:
    move = {"name": "move_id", "in": "path", "required": True, "description": "Your own id of the move.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"}}  # fmt: skip
    return apidocs.operation(
        "What became of a move",
        "Of one that was said here or on actions.<department>; `Prefer: wait=2` waits until it is judged.",
        parameters=[_path("case_id"), move, _PREFER],
        answers={
            "200": ("applied", views.ActionAnswer),
            **_REFUSED,
            "404": ("not judged: it is on its way, or nobody said it", Problem),
            "409": ("refused, its code is the reason", Problem),
        },
    )


def _status() -> dict[str, Any]:
    found = apidocs.operation(
        "Status of a report",
        "For whoever holds the link that intake answered with; needs no key.",
        parameters=[_path("signal_id"), _query("token", "From the link.", {"type": "string"}, required=True)],
        answers={
            "200": ("the report", views.ReportStatus),
            "404": ("no such report, or not its token", Problem),
            "503": _REFUSED["503"],
        },
    )
    found["security"] = []
    return found
