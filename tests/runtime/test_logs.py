"""A record is one line of JSON, whatever it holds; what it is about stands in fields of their own."""

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gewu.runtime.logs import JsonFormatter


def line(message: str, *args: object, extra: dict[str, Any] | None = None, fault: BaseException | None = None) -> str:
    """How the formatter words a warning of the logger gewu.part."""
    logger = logging.getLogger("gewu.part")
    exc_info = (type(fault), fault, fault.__traceback__) if fault else None
    record = logger.makeRecord(
        logger.name, logging.WARNING, "part.py", 7, message, args, exc_info, func="work", extra=extra
    )
    return JsonFormatter("dispatch").format(record)


def test_a_line_says_when_how_bad_who_where_and_what() -> None:
    said = json.loads(line("parked %d of %s", 3, "five"))
    assert said.pop("at").endswith("+00:00")
    assert said == {"level": "warning", "service": "dispatch", "where": "gewu.part:work", "say": "parked 3 of five"}


def test_ids_stand_in_fields_of_their_own() -> None:
    one = "01a20049-0000-8000-8000-000000000001"
    said = json.loads(line("recorded", extra={"signals": [one], "offset": 7, "decisions": {one: ("opened", None)}}))
    assert (said["signals"], said["offset"], said["decisions"]) == ([one], 7, {one: ["opened", None]})


def test_a_value_that_json_does_not_know_is_worded() -> None:
    assert json.loads(line("x", extra={"fault": ValueError("bad"), "box": b"\xff"}))["fault"] == "bad"


def test_an_exception_brings_its_traceback_within_the_line() -> None:
    try:
        raise LookupError("no\nsuch thing")
    except LookupError as fault:
        text = line("a bug", fault=fault)
    said = json.loads(text)
    assert text.count("\n") == 0 and said["say"] == "a bug"
    assert said["traceback"].startswith("Traceback") and said["traceback"].endswith("LookupError: no\nsuch thing")


def test_chinese_can_be_read_as_it_is() -> None:
    assert "井盖丢失" in line("井盖丢失", extra={"place": "东街"}) and "东街" in line("x", extra={"place": "东街"})


@given(st.text(), st.text())
def test_no_text_makes_two_lines_of_a_record(message: str, value: str) -> None:
    text = line("%s", message, extra={"text": value})
    assert not {"\n", "\r", "\0"} & set(text)
    said = json.loads(text)
    assert (said["say"], said["text"]) == (message, value)


SPEAK = """
import logging
from gewu.runtime import logs
logs.configure("intake", "info")
for name in ("gewu.part", "gewu_intake.part", "gewu.faststream", "asyncpg", "aiokafka"):
    for level in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger(name), level)("%s\\n%s", level, "消防\\ud800")
try:
    raise ValueError("two\\nlines")
except ValueError:
    logging.getLogger("gewu.part").exception("told")
"""


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_a_process_says_a_line_a_record_on_stderr_from_the_level_on(locale: str) -> None:
    ended = subprocess.run([sys.executable, "-c", SPEAK], capture_output=True, check=True, env={"LC_ALL": locale})
    lines = [json.loads(text) for text in ended.stderr.decode().removesuffix("\n").split("\n")]
    told = lines.pop()
    assert ended.stdout == b"" and told["say"] == "told" and "two\nlines" in told["traceback"]
    heard: dict[str, list[str]] = {}
    for said in lines:
        heard.setdefault(said["where"].split(":")[0], []).append(said["level"])
        assert said["say"] == f"{said['level']}\n消防\ud800" and said["service"] == "intake"
    assert heard == {
        "gewu.part": ["info", "warning", "error"], "gewu_intake.part": ["info", "warning", "error"],
        "gewu.faststream": ["warning", "error"], "asyncpg": ["warning", "error"], "aiokafka": ["error"],
    }  # fmt: skip
