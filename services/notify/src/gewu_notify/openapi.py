"""Notify's OpenAPI document."""

from typing import Any

from gewu.runtime import apidocs
from gewu.runtime.problem import Problem
from gewu_notify.encoding import CaseLeft, CaseNotice

_TEXT = {"type": "string", "maxLength": 100}
_ABOUT = (
    "Server-sent events (`text/event-stream`). An event `case.changed` has as its data what a webhook has as its body; "
    "`case.left` is the last of a case that went to a department which the key, or the query, does not cover: its id and "
    "version, nothing of where it is now. Drills come as `exercise.changed` and `exercise.left`. An event's id "
    "names all that was heard: come back with it, to any replica, by Last-Event-ID or `since`, and nothing is missed and "
    "nothing repeated. An event `reset` says that this cannot be had: reload the list of cases; what comes after it is "
    "heard. A comment and an id come every 15 s. Only cases that the key's read scopes cover. Who does "
    "not read fast enough is cut off and comes back with its id."
)


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def document() -> dict[str, Any]:
    """The whole document."""
    live = apidocs.operation(
        "Listen to changes of cases",
        _ABOUT,
        parameters=[
            _query("department", "Only this department's.", _TEXT),
            _query("area", "Only inside this grid, of any level.", _TEXT),
            _query("lane", "Only of this lane.", {"enum": ["p0", "p1", "p2", "p3"]}),
            _query("since", "The id of the last event that was heard.", {"type": "string", "maxLength": 400}),
            {
                "name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string"},
                "description": "As `since`, and before it.",
            },
        ],
        answers={
            "200": ("events, without end; the data of one, and of one that says that a case left", CaseNotice),
            "400": ("HTTP/1.0", Problem),
            "401": ("no key", Problem),
            "403": ("a key without a read scope", Problem),
            "422": ("a wrong query", Problem),
            "503": ("GEWU_LIVE_CLIENTS listen already; Retry-After says when to come back", Problem),
        },
    )  # fmt: skip
    schema = {"type": "string", "x-line": CaseNotice, "x-line-left": CaseLeft}
    live["responses"]["200"]["content"] = {"text/event-stream": {"schema": schema}}
    return apidocs.document("Gewu notify", {"/v1/live": {"get": live}})
