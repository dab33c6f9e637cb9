"""What a department's program makes of a record: never a silent drop, never a drill taken for real, and little to install."""

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from gewu import codec
from gewu.errors import NotNow
from gewu.v1.action_pb2 import ActionRefused
from gewu.v1.assignment_pb2 import Assignment
from gewu_department import Assigned, Cleared, Drill, Raised, Refused, Settings, Withdrawn, read
from gewu_department.events import Passed, PassedOver, of_record
from gewu_department.seen import Seen


@dataclass
class _Record:
    headers: Any
    value: bytes | None


def _record(message: Any, type_: str = codec.ASSIGNMENT) -> _Record:
    return _Record([("ce_type", type_.encode())], message.SerializeToString())


def _assignment(kind: int, exercise: bool = False) -> Assignment:
    said = Assignment(event_id="e", kind=kind, note="why")
    said.case.case_id, said.case.incarnation, said.case.version, said.case.exercise = "c", 2, 7, exercise
    return said


@pytest.mark.parametrize(("kind", "made"), [(1, Assigned), (2, Raised), (3, Withdrawn), (4, Cleared)])
def test_each_kind_of_assignment_has_its_type(kind: int, made: type) -> None:
    event = of_record(_record(_assignment(kind)))
    assert type(event) is made and (event.event_id, event.order, event.note) == ("e", (2, 7), "why")


@pytest.mark.parametrize("mark", ["type", "flag"])
def test_a_drill_by_its_type_or_by_its_flag_is_a_drill(mark: str) -> None:
    type_ = codec.ASSIGNMENT_EXERCISE if mark == "type" else codec.ASSIGNMENT
    event = of_record(_record(_assignment(1, exercise=mark == "flag"), type_))
    assert isinstance(event, Drill) and isinstance(event.told, Assigned)


def test_a_refusal_has_the_words_of_http_and_what_is_newer_stays_a_number() -> None:
    said = ActionRefused(event_id="e", client_id="m", case_id="c", kind=4, reason=7, lawful=[1, 2])
    assert of_record(_record(said, codec.ACTION_REFUSED)) == Refused(
        "e", "m", "c", "extend", "bad_time", ("accept", "return")
    )
    said.ParseFromString(bytes.fromhex("2863306338633864"))  # kind, reason and two moves from a later release
    found = of_record(_record(said, codec.ACTION_REFUSED))
    assert isinstance(found, Refused) and (found.kind, found.reason, found.lawful) == ("99", "99", ("99", "100"))


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (_record(_assignment(1), "gewu.v1.something.else"), Passed.UNKNOWN_TYPE),
        (_Record([], b"x"), Passed.UNKNOWN_TYPE),
        (_record(_assignment(9)), Passed.UNKNOWN_KIND),
        (_Record([("ce_type", codec.ASSIGNMENT.encode())], b"\xff\xff"), Passed.UNREADABLE),
        (_Record([("ce_type", codec.ASSIGNMENT.encode())], None), Passed.UNREADABLE),
    ],
)
def test_what_is_not_handed_out_has_a_reason(record: _Record, why: Passed) -> None:
    with pytest.raises(PassedOver) as fault:
        of_record(record)
    assert fault.value.why is why


def test_a_newer_major_is_never_passed_over() -> None:
    with pytest.raises(NotNow, match="deploy a reader"):
        of_record(_record(_assignment(1), "gewu.v2.assignment"))


def test_only_what_is_above_all_before_is_news() -> None:
    seen = Seen(most=2)
    assert [seen.is_news("a", order) for order in ((1, 1), (1, 1), (1, 3), (1, 2), (2, 1))] == [1, 0, 1, 0, 1]
    assert seen.is_news("b", (1, 1)) and seen.is_news("c", (1, 1)), "the oldest is forgotten at the bound"
    assert seen.is_news("a", (1, 1)) and not seen.is_news("c", (1, 1))
    assert [seen.is_new_event(e) for e in "xyxzx"] == [1, 1, 0, 1, 1]


_LIGHT = """
import gewu_department, gewu_department.__main__, sys
heavy = {"numpy", "shapely", "faststream", "asyncpg", "msgspec", "starlette", "uvicorn", "nacl", "prometheus_client"}
print(*sorted(heavy & sys.modules.keys()))
"""


def test_a_departments_program_needs_protobuf_and_the_kafka_client_only() -> None:
    done = subprocess.run([sys.executable, "-c", _LIGHT], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_settings_that_cannot_work_are_all_named_at_once() -> None:
    from gewu.runtime.env import SettingsFault

    wrong = {
        "GEWU_DEPARTMENT": "Water!", "GEWU_KAFKA_BOOTSTRAP": "127.0.0.1:9", "GEWU_DISPATCH_URL": "http://gewu.example",
    }  # fmt: skip
    with pytest.raises(SettingsFault) as fault:
        read(wrong)
    text = str(fault.value)
    assert "GEWU_DEPARTMENT='Water!'" in text and "https outside loopback" in text and "GEWU_FIRST=log" in text
    right = read({"GEWU_DEPARTMENT": "water", "GEWU_KAFKA_BOOTSTRAP": "127.0.0.1:9", "GEWU_FIRST": "log"})
    assert isinstance(right, Settings) and right.group == "department.water.desk"
