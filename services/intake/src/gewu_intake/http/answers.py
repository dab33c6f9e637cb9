"""What became of a report, as the client reads it."""

from typing import Any

import msgspec

from gewu.runtime import problem
from gewu.runtime.problem import Problem
from gewu_intake.handlers import Accepted, Answer, Rejected, Unsaid

JSON, NDJSON = "application/json", "application/x-ndjson"


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A whole HTTP answer. `retry`: it says when to come back."""

    status: int
    kind: str
    body: bytes
    retry: bool = False


class Refused(Exception):
    """The request is answered before any report is looked at."""

    def __init__(self, status: int, code: str, title: str, detail: str = "", retry: bool = False) -> None:
        self.reply = of_problem(Problem(title, status, code, detail), retry)


def of_problem(found: Problem, retry: bool = False) -> Reply:
    """A problem as problem+json."""
    return Reply(found.status, problem.TYPE, problem.body(found), retry)


def of_one(answer: Answer, status_url: str) -> Reply:
    """The answer to a single report."""
    if isinstance(answer, Accepted):
        return Reply(202, JSON, f"{{{_accepted(answer, status_url)}}}".encode())
    if isinstance(answer, Rejected):
        text = "mend every error and send it again"
        return of_problem(Problem("the report is not taken", 422, "rejected", text, answer.errors))
    code = "unknown" if answer.unknown else "overloaded"
    return of_problem(Problem("no acknowledgement", 503, code, _again(answer), id=answer.id), retry=True)


def of_lines(numbers: list[int], answers: list[Answer], status_url: str) -> Reply:
    """The answer to many: a line for each, with its number in the client's body."""
    lines = [_line(n, answer, status_url) for n, answer in zip(numbers, answers, strict=True)]
    return Reply(200, NDJSON, b"".join(lines), any(isinstance(a, Unsaid) for a in answers))


def word(answer: Answer) -> str:
    """The answer in one word: the metric's label and a line's outcome."""
    if isinstance(answer, Accepted):
        return "accepted"
    if isinstance(answer, Rejected):
        return "rejected"
    return "unknown" if answer.unknown else "refused"


def _line(n: int, answer: Answer, status_url: str) -> bytes:
    if isinstance(answer, Accepted):
        return f'{{"line":{n},"outcome":"accepted",{_accepted(answer, status_url)}}}\n'.encode()
    found: dict[str, Any] = {"line": n, "outcome": word(answer)}
    if isinstance(answer, Rejected):
        found |= {"errors": answer.errors}
    else:
        found |= {"id": answer.id, "detail": _again(answer)}
    return msgspec.json.encode(found) + b"\n"


def _accepted(answer: Accepted, status_url: str) -> str:
    # By hand: a client's id has no character that JSON would escape (`ClientId`), and the link is made by us.
    return (
        f'"id":"{answer.id}","signal_id":"{answer.signal_id}",'
        f'"status_url":"{status_url}/v1/reports/{answer.signal_id}?token={answer.token}"'
    )


def _again(answer: Unsaid) -> str:
    if answer.unknown:
        return "it may have been taken: send it again under the same id, which is harmless"
    return "it was not taken: send it again later"
