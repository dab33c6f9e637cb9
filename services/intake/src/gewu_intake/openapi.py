"""Intake's OpenAPI document, made from the message types that also validate."""

from typing import Any

import msgspec

from gewu.city import City
from gewu.mask.words import MOST_BYTES, TYPES
from gewu.runtime import apidocs
from gewu.runtime.problem import Problem
from gewu.topics import DEPARTMENT_ID
from gewu_intake.domain.report import ReportSaid
from gewu_intake.handlers import REPORT_BYTES
from gewu_intake.http.doors import BATCH_BYTES, BATCH_LINES
from gewu_intake.http.pictures import DOOR, Stored


class Taken(msgspec.Struct):
    """The broker has the report."""

    id: str
    signal_id: str
    status_url: str


class Line(msgspec.Struct, omit_defaults=True):
    """What became of one line: accepted, rejected (mend it), unknown (send it again), refused (send it later)."""

    line: int
    outcome: str
    id: str = ""
    signal_id: str = ""
    status_url: str = ""
    detail: str = ""
    errors: list[Any] = []


_DEPARTMENT = {
    "name": "department", "in": "query", "required": False, "schema": {"type": "string", "pattern": f"^{DEPARTMENT_ID.pattern}$"},
    "description": "For a move of this department; the key needs act:<department>.",
}  # fmt: skip


def document(city: City) -> dict[str, Any]:
    """The whole document for this city."""
    problems = {
        "401": "no key, or one that is not known", "403": "the key lacks the scope report",
        "408": "the body came too slowly", "413": f"over {REPORT_BYTES} bytes; a batch: {BATCH_BYTES} bytes, {BATCH_LINES} lines",
        "415": "wrong content type", "429": "this second's reports of the key are used up; Retry-After says when to come back",
        "503": "no room, or no ack: refused or unknown; Retry-After says when to come back",
    }  # fmt: skip
    refused = {status: (text, Problem) for status, text in problems.items()}
    inside = city.owners.shapes[0].representative_point()
    place = {"lon": round(inside.x, 6), "lat": round(inside.y, 6)}
    example = {"category": next(iter(city.categories.values())).label_en, "place": place, "text": "cover is missing"}
    one = apidocs.operation(
        "Report one thing", "Answered 202 once the broker has it; never before.", body=("application/json", ReportSaid, example),
        answers={"202": ("taken", Taken), **refused, "422": ("wrong; every field and reason", Problem)},
        security=not city.anonymous_reports,
    )  # fmt: skip
    many = apidocs.operation(
        "Report many", "One report a line (NDJSON). Every line has its own result; the status is 200 even if some are rejected.",
        body=("application/x-ndjson", ReportSaid, None), lines=True,
        answers={"200": ("a result a line", Line), **refused, "422": ("no line at all", Problem)},
        security=not city.anonymous_reports,
    )  # fmt: skip
    paths = {"/v1/reports": {"post": one}, "/v1/reports:batch": {"post": many}, DOOR: {"post": _picture(city, refused)}}
    return apidocs.document(f"Gewu intake: {city.name['en']}", paths)


def _picture(city: City, refused: dict[str, tuple[str, type]]) -> dict[str, Any]:
    own = {
        "403": ("the key lacks the scope report, or act:<department>", Problem),
        "413": (f"over {MOST_BYTES} bytes", Problem), "422": ("no picture that may be stored; its code is the reason", Problem),
        "429": ("too many of the key's at once, or in this second", Problem),
        "501": ("this installation keeps no pictures", Problem),
        "503": ("no masker, no store or no room: nothing is stored", Problem),
    }  # fmt: skip
    found = apidocs.operation(
        "Upload a picture", "Before the report that names it: the body is the picture. Faces and plates are covered, and all "
        "else that is in the file is gone, before it is stored. Without a department it is for a report with the same key.",
        parameters=[_DEPARTMENT],
        answers={"201": ("stored; name it by `picture`", Stored), **refused, **own}, security=not city.anonymous_reports,
    )  # fmt: skip
    found["requestBody"] = {"required": True, "content": apidocs.binary(*TYPES)}
    return found
