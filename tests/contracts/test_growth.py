"""Versions: what a newer writer adds passes an older reader and survives it."""

import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gewu import codec
from gewu.errors import Never, NotNow, Why
from gewu.v1 import action_pb2, assignment_pb2, case_pb2
from tests.contracts import world

# Field 500 as a varint, 501 as bytes: what a newer version might add.
ADDED = b"\xa0\x1f\x2a" + b"\xaa\x1f\x03new"
KINDS = list({kind.DESCRIPTOR.full_name: kind for kind in world.MESSAGES.values()}.values())


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.DESCRIPTOR.name)
def test_unknown_fields_pass_and_survive(kind: type[Message]) -> None:
    known = next(world.read(e) for e in world.examples() if world.MESSAGES[world.type_of(e)] is kind)
    read = codec.decode(kind, known.SerializeToString() + ADDED)
    assert len(UnknownFieldSet(read)) == 2, "they can be counted"
    again = codec.decode(kind, read.SerializeToString())
    assert [(f.field_number, f.data) for f in UnknownFieldSet(again)] == [(500, 42), (501, b"new")]
    again.DiscardUnknownFields()
    assert again == known


def test_unknown_fields_pass_and_survive_inside_a_case() -> None:
    case = world.read(world.EXAMPLES / "case.changed.json").case.SerializeToString() + ADDED
    # Field 3 of CaseChanged and of Assignment is the case: a tag, a length as varint, the bytes.
    value = b"\x1a" + bytes([len(case) & 0x7F | 0x80, len(case) >> 7]) + case
    for kind in (case_pb2.CaseChanged, assignment_pb2.Assignment):
        again = codec.decode(kind, codec.decode(kind, value).SerializeToString())
        assert len(UnknownFieldSet(again.case)) == 2 and again.case.department == "water"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (action_pb2.Action, "kind"), (action_pb2.ActionRefused, "reason"), (case_pb2.CaseChanged, "change"),
        (case_pb2.Case, "state"), (case_pb2.Case, "lane"), (assignment_pb2.Assignment, "kind"),
    ],
    ids=lambda v: v if isinstance(v, str) else v.DESCRIPTOR.name,
)  # fmt: skip
def test_unknown_enum_values_pass_and_survive(kind: type[Message], field: str) -> None:
    number = kind.DESCRIPTOR.fields_by_name[field].number
    value = bytes([number << 3, 99]) if number < 16 else b""
    read = codec.decode(kind, value)
    assert getattr(read, field) == 99
    assert getattr(codec.decode(kind, read.SerializeToString()), field) == 99


def test_unknown_values_in_a_list_of_enums_pass_and_survive() -> None:
    read = codec.decode(action_pb2.ActionRefused, b"\x3a\x03\x01\x63\x03")
    assert list(read.lawful) == [1, 99, 3]
    assert list(codec.decode(action_pb2.ActionRefused, read.SerializeToString()).lawful) == [1, 99, 3]


@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_a_value_is_never(value: bytes | None) -> None:
    with pytest.raises(Never) as fault:
        codec.decode(case_pb2.CaseChanged, value)
    assert fault.value.why is Why.EMPTY


@pytest.mark.parametrize("value", [b"\xff\xff\xff", b"\x0a\x7f", b'{"json": true}', b"\x0a\x02\xff\xfe"])
def test_bytes_that_are_no_message_are_never(value: bytes) -> None:
    with pytest.raises(Never) as fault:
        codec.decode(case_pb2.CaseChanged, value)
    assert fault.value.why is Why.UNDECODABLE


@pytest.mark.parametrize("said", ["gewu.v2.signal.report", "gewu.v17.case.changed"])
def test_a_newer_major_waits_for_a_newer_reader(said: str) -> None:
    with pytest.raises(NotNow) as fault:
        codec.check_type(said, [codec.SIGNAL_REPORT])
    assert fault.value.why is Why.NEWER_CONTRACT


@pytest.mark.parametrize(
    "said", ["", "gewu.v1.action", "gewu.v1", "gewu.v0.signal", "gewu.vx.signal", "other.v2.signal", "gewu.v.signal"]
)
def test_any_other_type_is_never(said: str) -> None:
    with pytest.raises(Never) as fault:
        codec.check_type(said, [codec.SIGNAL_REPORT])
    assert fault.value.why is Why.WRONG_TYPE


def test_headers_are_four_and_foreign_ones_are_nobodys_fault() -> None:
    said = codec.Envelope(codec.ACTION, "gewu/dispatch").headers("id-1")
    assert said == [
        ("ce_specversion", b"1.0"), ("ce_type", b"gewu.v1.action"), ("ce_source", b"gewu/dispatch"), ("ce_id", b"id-1"),
    ]  # fmt: skip
    foreign = [("ce_type", None), ("traceparent", b"\x00\xff"), ("ce_type", b"\xff\xfe"), *said]
    assert codec.type_of(foreign) == "\ufffd\ufffd", "what cannot be read is no type of ours"
    assert codec.type_of([("ce_type", None), *said]) == codec.ACTION and codec.type_of([]) == ""
