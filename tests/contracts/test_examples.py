"""An example of each message, true in both notations; together they leave no field unshown."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict, ParseError

from gewu import codec, ids, topics
from gewu.lane import Lane
from gewu.v1.signal_pb2 import Signal
from tests.contracts import world

_EACH = pytest.mark.parametrize("example", world.examples(), ids=lambda p: p.stem)


@_EACH
def test_an_example_reads_and_writes_the_same_json(example: Path) -> None:
    assert MessageToDict(world.read(example)) == json.loads(example.read_text())


@_EACH
def test_an_example_reads_and_writes_the_same_bytes(example: Path) -> None:
    message = world.read(example)
    again = codec.decode(type(message), message.SerializeToString())
    assert again == message and again.SerializeToString(deterministic=True) == message.SerializeToString(
        deterministic=True
    )


@_EACH
def test_an_example_lies_below_its_topics_record_limit(example: Path) -> None:
    room = [t.record_bytes for t in topics.registry(["water"]) if world.type_of(example) in t.types]
    assert len(world.read(example).SerializeToString()) < min(room, default=1024)


def test_every_type_on_a_topic_has_an_example() -> None:
    assert world.ce_types() <= {world.type_of(e) for e in world.examples()}


def test_every_field_of_every_message_is_set_in_some_example() -> None:
    shown = {name for e in world.examples() for name in world.set_fields(world.read(e))}
    known = {field.full_name for kind in world.MESSAGES.values() for field in world.reachable(kind.DESCRIPTOR)}
    assert shown == known


def test_a_field_that_no_example_shows_would_be_found() -> None:
    shown = {name for e in world.examples() if e.stem != "signal.reading" for name in world.set_fields(world.read(e))}
    assert "gewu.v1.Reading.unit" not in shown and "gewu.v1.Report.text" in shown


def test_an_example_with_a_wrong_field_would_be_found(tmp_path: Path) -> None:
    said = json.loads((world.EXAMPLES / "action.json").read_text())
    (wrong := tmp_path / "action.json").write_text(json.dumps({**said, "department": "water"}))
    with pytest.raises(ParseError, match="department"):
        world.read(wrong)


@pytest.mark.parametrize("kind", ["report", "reading", "detection", "fault"])
def test_the_ids_of_the_examples_are_derived_as_the_code_derives_them(kind: str) -> None:
    said = world.read(world.EXAMPLES / f"signal.{kind}.json")
    assert isinstance(said, Signal) and said.WhichOneof("kind") == kind
    assert said.signal_id == ids.signal_id(said.source, said.client_id)
    assert said.observed_at.ToDatetime() <= said.received_at.ToDatetime() < datetime(2026, 1, 1)


@pytest.mark.parametrize("variant", ["", ".accepted", ".reassigned", ".superseded"])
def test_the_event_ids_of_the_examples_are_derived_as_the_code_derives_them(variant: str) -> None:
    said = world.read(world.EXAMPLES / f"case.changed{variant}.json")
    assert said.event_id == ids.event_id(said.case.case_id, said.case.incarnation, said.case.version, topics.CASES)
    assert Lane(said.case.lane).label in ("p0", "p1")
