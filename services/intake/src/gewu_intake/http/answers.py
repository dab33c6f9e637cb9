"""What became of a report, as the client reads it."""

import random
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from gewu.lane import Lane
from gewu.runtime import problem
from gewu.runtime.problem import Problem
from gewu_intake.domain.admission import Shed
from gewu_intake.request import Accepted, Answer, Broken, NoRoom, Rejected, Unsaid

JSON, NDJSON = "application/json", "application/x-ndjson"


_WHY = {
    Shed.QUOTA: "your key's reports of this second are used up: send it again after Retry-After",
    Shed.GRID: "too many reports come from this grid: it was not taken; send it again after Retry-After",
    Shed.OVERLOADED: "it was not taken: send it again after Retry-After",
}
_NO_ROOM = {
    Shed.QUOTA: (429, problem.body(Problem("too many reports", 429, "quota", _WHY[Shed.QUOTA]))),
    Shed.GRID: (503, problem.body(Problem("no room", 503, "grid", _WHY[Shed.GRID]))),
    Shed.OVERLOADED: (503, problem.body(Problem("no room", 503, "overloaded", _WHY[Shed.OVERLOADED]))),
}


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A whole HTTP answer. `retry`: in how many seconds to come back, 0 where nothing is gained by that; `turned_away`: why
    the request got no further than the doors, "" where its reports have answers of their own."""

    status: int
    kind: str
    body: bytes
    retry: int = 0
    turned_away: str = ""


BROKEN = Reply(500, problem.TYPE, problem.body(Problem("a fault of ours", 500, "unexpected")))


class Refused(Exception):
    """The request is answered before any report is looked at."""

    def __init__(self, status: int, code: str, title: str, detail: str = "", retry: int = 0) -> None:
        found = problem.body(Problem(title, status, code, detail))
        self.reply = Reply(status, problem.TYPE, found, retry, turned_away=code)


def of_problem(found: Problem, retry: int = 0) -> Reply:
    """A problem as problem+json."""
    return Reply(found.status, problem.TYPE, problem.body(found), retry)


def of_one(answer: Answer, status_url: str) -> Reply:
    """The answer to a single report."""
    if isinstance(answer, Accepted):
        return Reply(202, JSON, f"{{{_accepted(answer, status_url)}}}".encode())
    if isinstance(answer, Rejected):
        text = "mend every error and send it again"
        return of_problem(Problem("the report is not taken", 422, "rejected", text, answer.errors))
    if isinstance(answer, NoRoom):
        status, body = _NO_ROOM[answer.why]
        return Reply(status, problem.TYPE, body, later(answer))
    if isinstance(answer, Broken):
        return BROKEN
    code = "unknown" if answer.unknown else "overloaded"
    return of_problem(Problem("no acknowledgement", 503, code, _again(answer), id=answer.id), later(answer))


def of_lines(numbers: list[int], answers: list[Answer], status_url: str) -> Reply:
    """The answer to many: a line for each, with its number in the client's body."""
    lines, retry = [], 0
    for n, answer in zip(numbers, answers, strict=True):
        if type(answer) is Accepted:
            lines.append(f'{{"line":{n},"outcome":"accepted",{_accepted(answer, status_url)}}}\n')
        else:
            lines.append(_line(n, answer))
            retry = max(retry, later(answer))
    return Reply(200, NDJSON, "".join(lines).encode(), retry)


def word(answer: Answer) -> str:
    """The answer in one word: the metric's label and a line's outcome."""
    if isinstance(answer, Accepted):
        return "accepted"
    if isinstance(answer, Rejected):
        return "rejected"
    if isinstance(answer, NoRoom):
        return answer.why
    return "unknown" if isinstance(answer, Unsaid) and answer.unknown else "refused"


def reason(answer: Answer) -> tuple[str, Lane | None]:
    """Why a report got no further than the doors, and its lane as far as it is known; "" of one that did."""
    if isinstance(answer, Rejected):
        return answer.errors[0].code, None
    if isinstance(answer, Broken):
        return "unexpected", None
    return (answer.why, answer.lane) if isinstance(answer, NoRoom) else ("", None)


def later(answer: Answer) -> int:
    """In how many seconds to come back; 0 where nothing is gained by that."""
    if isinstance(answer, NoRoom) and answer.why is Shed.QUOTA:
        return random.randint(1, 3)  # a quota is a second's
    return problem.later() if isinstance(answer, Unsaid | NoRoom) else 0


def _line(n: int, answer: Answer) -> str:
    found: dict[str, Any] = {"line": n, "outcome": word(answer)}
    if isinstance(answer, NoRoom):
        found |= {"outcome": "refused", "detail": _WHY[answer.why]}
    elif isinstance(answer, Rejected):
        found |= {"errors": answer.errors}
    elif isinstance(answer, Unsaid):
        found |= {"id": answer.id, "detail": _again(answer)}
    else:
        found |= {"detail": "a fault of ours met it: it was not taken; send it again later"}
    return msgspec.json.encode(found).decode() + "\n"


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


def head(reply: Reply) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, but for its length."""
    headers = [(b"content-type", reply.kind.encode())]
    if reply.retry:
        headers.append((b"retry-after", b"%d" % reply.retry))
    if reply.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if reply.status == 405:
        headers.append((b"allow", b"POST"))
    return headers


async def send(
    out: Callable[[MutableMapping[str, Any]], Awaitable[None]], reply: Reply, *more: tuple[bytes, bytes]
) -> None:
    """The answer as ASGI messages; `more`: further headers."""
    headers = [*head(reply), (b"content-length", b"%d" % len(reply.body)), *more]
    await out({"type": "http.response.start", "status": reply.status, "headers": headers})
    await out({"type": "http.response.body", "body": reply.body})
