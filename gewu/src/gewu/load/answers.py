"""What an answer says of each report that the request carried."""

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from gewu.dev.door import Word
from gewu.load.connections import Ended, How

_UNKNOWN = frozenset({How.CUT, How.TIMED_OUT})


class Said(NamedTuple):
    """A report's: the word, by which code (of HTTP, or how it ended without one), and the signal it became.

    A word of None: the report never left.
    """

    word: Word | None
    code: str
    signal_id: str = ""


def of(ended: Ended, reports: int, batch: bool) -> list[Said]:
    """One for each report, in their order."""
    if ended.how is not How.ANSWERED:
        return [Said(Word.UNKNOWN if ended.how in _UNKNOWN else None, ended.how.value)] * reports
    try:
        if batch and ended.status == 200:
            return _lines(ended.body, reports)
        if not batch and ended.status == 202:
            return [Said(Word.ACCEPTED, "202", msgspec.json.decode(ended.body)["signal_id"])]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return [Said(Word.UNKNOWN, "unreadable answer")] * reports
    return [Said(_without_ack(ended.status, ended.body), str(ended.status))] * reports


def _lines(body: bytes, reports: int) -> list[Said]:
    found = [Said(Word.UNKNOWN, "no line")] * reports
    for line in msgspec.json.Decoder().decode_lines(body):
        found[line["line"] - 1] = Said(Word(line["outcome"]), "line", line.get("signal_id", ""))
    return found


@lru_cache(64)  # a flood has the same answer thousands of times a second
def _without_ack(status: int, body: bytes) -> Word:
    """Refused only where intake itself says that nothing was taken: a proxy's 503 may hide an accepted report."""
    if status == 429 or (status == 503 and _code(body) in ("overloaded", "grid")):
        return Word.REFUSED
    return Word.UNKNOWN if status >= 500 or status == 408 else Word.REJECTED


def _code(body: bytes) -> str:
    try:
        said: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    return said.get("code", "") if isinstance(said, dict) else ""
