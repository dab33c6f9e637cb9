"""Between the wire and the domain: what a record may say, what parks it, and what a public case never tells."""

from datetime import UTC, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from gewu import codec, ids, topics
from gewu.clock import micros
from gewu.errors import Never, NotNow, Why
from gewu.lane import Lane
from gewu.pictures import reference
from gewu.pictures.reference import References, of_department
from gewu.v1 import action_pb2, assignment_pb2, case_pb2, common_pb2, signal_pb2
from gewu_dispatch import encoding, wire
from gewu_dispatch.domain import routing
from gewu_dispatch.domain.action import Kind, Refusal
from gewu_dispatch.domain.case import Case, Contact, Picture, Plate, Source, State
from gewu_dispatch.handlers.actions import Actions
from gewu_dispatch.handlers.signals import Signals
from gewu_dispatch.metrics import Metrics
from tests.support.building import FALLBACK, NOW, NOW_US, REFERENCES, SECRET, StillClock, a_case, an_action

REPORT, DETECTION, READING = codec.SIGNAL_REPORT, codec.SIGNAL_DETECTION, codec.SIGNAL_READING
OWN = ids.signal_id("key:test", "c1")


def a_message(**words: Any) -> signal_pb2.Signal:
    """A report on the wire that dispatch takes."""
    message = signal_pb2.Signal(
        signal_id=OWN, lane=4, source="key:test", client_id="c1", home_area="990101", package_version="1.0-abc",
        content_sha256=bytes(32), address="outside no. 7",
    )  # fmt: skip
    message.observed_at.FromMicroseconds(NOW_US)
    message.received_at.FromMicroseconds(NOW_US)
    message.point.lon, message.point.lat = 83.0, 39.0
    message.report.category, message.report.text = "manhole", "the cover is gone"
    for name, value in words.items():
        setattr(message, name, value)
    return message


def told(message: Message, type_: str = REPORT) -> Any:
    """The signal as dispatch reads it."""
    return wire.signal(message.SerializeToString(), type_, Lane.P1)[0]


def public(case: Case) -> case_pb2.Case:
    """A case as its readers have it."""
    return case_pb2.Case.FromString(encoding.case(case))


def why(message: Message | bytes | None, type_: str = REPORT) -> Why:
    """Why dispatch can never read it."""
    value = message.SerializeToString() if isinstance(message, Message) else message
    with pytest.raises(Never) as found:
        wire.signal(value, type_, Lane.P1)
    return found.value.why


def test_a_report_arrives_as_it_was_said() -> None:
    message = a_message(exercise=True)
    message.point.accuracy_m = 7.5
    message.report.object_id = "T1"
    message.report.contact.key_id, message.report.contact.box = "k1", b"sealed"
    message.pictures.add(sha256=b"p" * 32, bytes=9, type="image/jpeg", masked_by="mask 1")
    found = told(message)
    assert (found.signal_id, found.kind, found.source, found.client_id) == (OWN, Source.REPORT, "key:test", "c1")
    assert (found.lon, found.lat, found.accuracy_m, found.address) == (83.0, 39.0, 7.5, "outside no. 7")
    assert (found.said, found.text, found.object_id) == ("manhole", "the cover is gone", "T1")
    assert found.sealed == Contact("k1", b"sealed") and found.exercise and found.content == bytes(32)
    assert found.received_at == found.observed_at == NOW_US
    assert [(p.sha256, p.bytes, p.type, p.masked_by) for p in found.pictures] == [
        (b"p" * 32, 9, "image/jpeg", "mask 1")
    ]


def test_a_report_without_a_position_or_accuracy_has_none_and_not_zero() -> None:
    message = a_message()
    assert told(message).accuracy_m is None and told(message).sealed is None
    message.ClearField("point")
    assert (told(message).lon, told(message).lat, told(message).accuracy_m) == (None, None, None)


@pytest.mark.parametrize("nanos", [0, 1, 999, 1000, 123_456_789, 999_999_999])
@pytest.mark.parametrize("seconds", [946_684_800, 1_772_618_400, 4_133_980_799])
def test_a_time_is_read_and_written_as_protobuf_itself_does(seconds: int, nanos: int) -> None:
    message = a_message()
    message.received_at.seconds, message.received_at.nanos = seconds, nanos
    found = told(message).received_at
    assert found == message.received_at.ToMicroseconds() == micros(message.received_at.ToDatetime(UTC))
    plain = case_pb2.Case()
    plain.opened_at.FromMicroseconds(found)
    assert public(a_case(opened_at=found)).opened_at == plain.opened_at


def test_a_camera_scene_is_a_signal_of_its_class() -> None:
    message = a_message()
    message.detection.category = "fire lane"
    found = told(message, DETECTION)
    assert (found.kind, found.said, found.text, found.object_id) == (Source.DETECTION, "fire lane", "", "")


def test_a_detections_plate_arrives_sealed_with_the_rule_that_asked() -> None:
    message = a_message()
    message.detection.rule_id = "stolen-7"
    assert told(message, DETECTION).sealed is None
    message.detection.plate.key_id, message.detection.plate.box = "k1", b"sealed"
    assert told(message, DETECTION).sealed == Plate("k1", b"sealed", "stolen-7")


@pytest.mark.parametrize(
    ("key_id", "box"), [("", b"x"), ("k\0", b"x"), ("k" * 401, b"x"), ("k", b""), ("k", bytes(513))]
)
def test_a_box_that_holds_no_plate_is_parked(key_id: str, box: bytes) -> None:
    message = a_message()
    message.detection.plate.key_id, message.detection.plate.box = key_id, box
    assert why(message, DETECTION) is Why.BAD_FIELD


@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_a_value_is_empty(value: bytes | None) -> None:
    assert why(value) is Why.EMPTY
    with pytest.raises(Never) as found:
        wire.action(value, "water", REFERENCES)
    assert found.value.why is Why.EMPTY


@pytest.mark.parametrize("value", [b"\xff\xff\xff", b"{}", b'{"signal_id": "x"}'])
def test_bytes_that_are_no_message_cannot_be_read(value: bytes) -> None:
    assert why(value) is Why.UNDECODABLE


def a_reading(**words: Any) -> signal_pb2.Signal:
    """A sensor's reading on the wire that dispatch takes."""
    message = a_message(source="sensor:smoke-001", client_id="7:18")
    message.reading.sensor_id, message.reading.session, message.reading.counter = "smoke-001", 7, 18
    message.reading.quantity, message.reading.unit, message.reading.value = "obscuration", "%/m", 0.0
    for name, value in words.items():
        setattr(message.reading, name, value)
    return message


def test_a_reading_is_read_with_its_zero() -> None:
    found = told(a_reading(), READING)
    assert (found.sensor_id, found.session, found.counter, found.value) == ("smoke-001", 7, 18, 0.0)
    assert (found.quantity, found.unit, found.observed_at) == ("obscuration", "%/m", NOW_US)


@pytest.mark.parametrize(
    "words", [{"sensor_id": "smoke-002"}, {"counter": 19}, {"session": 2**63}, {"value": float("nan")}, {"value": float("inf")}],
    ids=str,
)  # fmt: skip
def test_a_reading_of_somebody_else_or_of_no_number_is_none(words: dict[str, Any]) -> None:
    message = a_reading(**words)
    if "session" in words:
        message.client_id = f"{2**63}:18"
    assert why(message, READING) is Why.BAD_FIELD
    message = a_reading()
    message.reading.ClearField("value")
    assert why(message, READING) is Why.BAD_FIELD


def a_fault(**words: str) -> signal_pb2.Signal:
    """A device's fault on the wire."""
    message = a_message(source="camera:cam-7", client_id=f"silent:{NOW_US}")
    message.fault.device, message.fault.category = "camera:cam-7", "device:camera"
    message.fault.trouble = signal_pb2.DEVICE_TROUBLE_SILENT
    message.fault.since.FromMicroseconds(NOW_US)
    for name, value in words.items():
        setattr(message.fault, name, value)
    return message


def test_a_devices_fault_is_a_case_about_that_device() -> None:
    found = told(a_fault(), codec.SIGNAL_FAULT)
    assert (found.kind, found.said, found.object_id) == (Source.FAULT, "device:camera", "cam-7")
    assert found.text == "camera cam-7 silent since 2026-03-04T10:00:00Z"
    for wrong in ("camera:cam-8", "cam-7", "camera:../etc"):
        assert why(a_fault(device=wrong), codec.SIGNAL_FAULT) is Why.BAD_FIELD


def test_a_signal_of_no_kind_or_of_another_kind_than_its_type_is_none() -> None:
    message = a_message()
    assert why(message, DETECTION) is Why.BAD_FIELD
    message.ClearField("report")
    assert why(message) is Why.BAD_FIELD


BAD_IDS = {
    "empty": "", "shouted": OWN.upper(), "too short": OWN[:-1], "too long": OWN + "0", "without dashes": OWN.replace("-", ""),
    "dashes elsewhere": OWN.replace("-", "")[:32] + "----", "with braces": "{" + OWN[1:-1] + "}", "not hex": OWN[:-1] + "g",
    "digits of another script": OWN[:-1] + "٣", "a line's end": OWN[:-1] + "\n", "a NUL": OWN[:-1] + "\0",
}  # fmt: skip
BAD_WORDS = {
    "no source": {"source": ""}, "no client id": {"client_id": ""}, "no hash": {"content_sha256": b""},
    "a short hash": {"content_sha256": bytes(31)}, "a long hash": {"content_sha256": bytes(33)},
    **{f"too long a {n}": {n: "x" * 401} for n in ("source", "client_id", "home_area", "package_version", "address")},
}  # fmt: skip


@pytest.mark.parametrize("said", BAD_IDS.values(), ids=BAD_IDS.keys())
def test_a_signal_id_must_be_the_text_of_a_uuid_in_small_letters(said: str) -> None:
    assert why(a_message(signal_id=said)) is Why.BAD_FIELD


@pytest.mark.parametrize("words", BAD_WORDS.values(), ids=BAD_WORDS.keys())
def test_a_field_that_cannot_be_true_parks_the_signal(words: dict[str, Any]) -> None:
    assert why(a_message(**words)) is Why.BAD_FIELD


@pytest.mark.parametrize("name", ["category", "text"])
def test_texts_have_an_end(name: str) -> None:
    most = 8000 if name == "text" else 400
    message = a_message()
    setattr(message.report, name, "井" * most)
    assert told(message)
    setattr(message.report, name, "井" * (most + 1))
    assert why(message) is Why.BAD_FIELD


@pytest.mark.parametrize("said", ["x" * 41, "flat 302", "井"])
def test_an_object_is_named_by_an_id_because_the_public_case_repeats_it(said: str) -> None:
    message = a_message()
    message.report.object_id = said
    assert why(message) is Why.BAD_FIELD


@pytest.mark.parametrize("seconds", [0, 32_503_680_000])
def test_a_time_far_from_ours_is_a_broken_clocks(seconds: int) -> None:
    message = a_message()
    message.received_at.seconds = seconds
    assert why(message) is Why.BAD_FIELD


def test_a_picture_without_a_masker_does_not_exist() -> None:
    message = a_message()
    message.pictures.add(sha256=b"s" * 32, bytes=1, type="image/jpeg")
    assert why(message) is Why.BAD_FIELD


def test_a_cameras_class_has_an_end_too() -> None:
    message = a_message()
    message.detection.category = "x" * 401
    assert why(message, DETECTION) is Why.BAD_FIELD


@pytest.mark.parametrize(
    ("lon", "lat"), [(180.001, 0), (-180.001, 0), (0, 90.001), (0, -90.001), (float("nan"), 0),
                    (0, float("nan")), (float("inf"), 0)]
)  # fmt: skip
def test_a_point_must_be_on_earth(lon: float, lat: float) -> None:
    message = a_message()
    message.point.lon, message.point.lat = lon, lat
    assert why(message) is Why.BAD_FIELD


@pytest.mark.parametrize(("lon", "lat"), [(180, 90), (-180, -90), (0, 0)])
def test_the_ends_of_the_earth_are_on_it(lon: float, lat: float) -> None:
    message = a_message()
    message.point.lon, message.point.lat = lon, lat
    assert (told(message).lon, told(message).lat) == (lon, lat)


@pytest.mark.parametrize("name", ["observed_at", "received_at"])
@pytest.mark.parametrize(
    ("seconds", "nanos"), [(253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, 1_000_000_000)]
)
def test_a_time_must_be_in_the_calendar(name: str, seconds: int, nanos: int) -> None:
    message = a_message()
    getattr(message, name).seconds, getattr(message, name).nanos = seconds, nanos
    assert why(message) is Why.BAD_FIELD


@pytest.mark.parametrize("name", ["observed_at", "received_at"])
def test_a_time_must_be_given(name: str) -> None:
    message = a_message()
    message.ClearField(name)  # type: ignore[arg-type]
    assert why(message) is Why.BAD_FIELD


def _with_unknown(message: Message) -> bytes:
    return message.SerializeToString() + b"\xc2\x3e\x03new"  # field 1000, which no version of ours has


def test_a_field_of_a_newer_version_is_noticed_and_does_no_harm() -> None:
    assert wire.signal(a_message().SerializeToString(), REPORT, Lane.P1) == (told(a_message()), False)
    assert wire.signal(_with_unknown(a_message()), REPORT, Lane.P1) == (told(a_message()), True)


def test_a_newer_field_inside_the_report_is_noticed_too() -> None:
    message = a_message()
    report = signal_pb2.Report.FromString(_with_unknown(message.report))
    message.report.CopyFrom(report)
    assert wire.signal(message.SerializeToString(), REPORT, Lane.P1)[1]


def a_record(topic: str, type_: str | None, value: bytes) -> Any:
    """A record as the consumer has it."""
    headers = [("ce_type", type_.encode())] if type_ else []
    return SimpleNamespace(topic=topic, partition=2, offset=7, headers=headers, value=value)


def _signals(registry: CollectorRegistry | None = None) -> Signals:
    unused: Any = None
    return Signals(unused, unused, unused, StillClock(), Metrics(registry or CollectorRegistry()))


@pytest.mark.parametrize("lane", Lane)
def test_how_urgent_a_signal_is_says_its_topic_and_never_the_signal(lane: Lane) -> None:
    for claimed in (0, 1, 4, 99):
        record = a_record(topics.signals(lane), REPORT, a_message(lane=claimed).SerializeToString())
        arrived = _signals().decode(record)
        assert arrived.signal.lane is lane
        assert (arrived.topic, arrived.partition, arrived.offset) == (record.topic, 2, 7)


def test_records_of_a_newer_version_are_counted() -> None:
    registry = CollectorRegistry()
    effects = _signals(registry)
    for value in (a_message().SerializeToString(), _with_unknown(a_message())):
        effects.decode(a_record("signals.p1", REPORT, value))
    assert registry.get_sample_value("gewu_dispatch_unknown_fields_total") == 1


@pytest.mark.parametrize("type_", [None, "", "gewu.v1.action", "gewu.v0.signal.report", "com.example.thing", "gewu.v1"])
def test_a_record_of_another_type_is_parked(type_: str | None) -> None:
    with pytest.raises(Never) as found:
        _signals().decode(a_record("signals.p1", type_, a_message().SerializeToString()))
    assert found.value.why is Why.WRONG_TYPE


def test_a_newer_contract_waits_for_its_reader() -> None:
    with pytest.raises(NotNow) as found:
        _signals().decode(a_record("signals.p1", "gewu.v2.signal.report", b"whatever"))
    assert found.value.why is Why.NEWER_CONTRACT


def a_move(**words: Any) -> action_pb2.Action:
    """A department's answer on the wire."""
    message = action_pb2.Action(client_id="a1", case_id=ids.case_id(OWN), kind=1, note="on the way", said_by="Li")
    message.said_at.FromMicroseconds(NOW_US)
    for name, value in words.items():
        setattr(message, name, value)
    return message


def moved_by(department: str, message: Message) -> Any:
    """The action as dispatch reads it on this department's topic."""
    return wire.action(message.SerializeToString(), department, REFERENCES)


def test_who_speaks_is_the_topic() -> None:
    actions = Actions(
        routing.Route(FALLBACK, routing.Because.FALLBACK_RETURNED), wire.Events(()), StillClock(), REFERENCES
    )
    value = a_move().SerializeToString()
    one, other = (actions.decode(a_record(topics.actions(d), codec.ACTION, value)) for d in ("water", "fire"))
    assert (one.department, other.department) == ("water", "fire")
    assert one.action_id == ids.action_id("water", "a1") != other.action_id
    assert (one.kind, one.note, one.said_by, one.said_at) == (Kind.ACCEPT, "on the way", "Li", NOW_US)


def test_a_case_is_known_in_capitals_too() -> None:
    assert moved_by("water", a_move(case_id=ids.case_id(OWN).upper())).case_id == ids.case_id(OWN)


def test_a_move_of_a_newer_department_is_kept_to_be_refused() -> None:
    assert moved_by("water", a_move(kind=7)).kind == 7
    assert moved_by("water", a_move(kind=0)).kind == 0
    assert not isinstance(moved_by("water", a_move(kind=7)).kind, Kind)


@pytest.mark.parametrize(
    "words", [{"client_id": ""}, {"client_id": "x" * 401}, {"case_id": "x" * 401}, {"said_by": "x" * 401}, {"note": "x" * 8001},
     {"client_id": "a\0"}, {"case_id": "\0"}, {"said_by": "\0"}, {"note": "\0"}]
)  # fmt: skip
def test_an_action_that_cannot_be_true_is_parked(words: dict[str, Any]) -> None:
    with pytest.raises(Never) as found:
        moved_by("water", a_move(**words))
    assert found.value.why is Why.BAD_FIELD


def test_until_and_pictures_are_read_where_they_belong() -> None:
    asks = a_move(kind=4)
    asks.until.FromMicroseconds(NOW_US + 1)
    assert (moved_by("water", asks).until, moved_by("water", a_move(kind=4)).until) == (NOW_US + 1, None)
    asks.kind = 1
    assert moved_by("water", asks).until is None
    shows = a_move(kind=3)
    name = a_picture("water")
    shows.pictures.add(sha256=b"1" * 32, bytes=9, type="image/jpeg", masked_by="m-1", reference=name)
    assert moved_by("water", shows).pictures == (Picture(b"1" * 32, 9, "image/jpeg", "m-1", name),)
    assert moved_by("water", shows).unproven is None


def a_picture(department: str, hours: float = 1.0, secret: bytes = SECRET) -> str:
    """The reference of a picture that this department uploaded so long before its move."""
    found = reference.Picture(b"1" * 32, 9, "image/jpeg", "m-1")
    return References(secret).make(found, of_department(department), NOW - timedelta(hours=hours))


@pytest.mark.parametrize(
    ("name", "words", "why"),
    [
        (a_picture("water", 23.9), {}, None),
        (a_picture("water", -1), {}, None),  # the department's clock is slow
        (a_picture("water", 24.1), {}, Refusal.PICTURE_EXPIRED),
        (a_picture("fire"), {}, Refusal.PICTURE_NOT_OURS),
        (a_picture("water", secret=b"x" * 32), {}, Refusal.PICTURE_NOT_OURS),
        (a_picture("water"), {"sha256": b"2" * 32}, Refusal.PICTURE_NOT_OURS),
        (a_picture("water"), {"masked_by": "nobody"}, Refusal.PICTURE_NOT_OURS),
        (a_picture("water")[:-1], {}, Refusal.PICTURE_NOT_OURS),
        ("", {}, Refusal.PICTURE_NOT_OURS),
        (".." * 40, {}, Refusal.PICTURE_NOT_OURS),
    ],
)  # fmt: skip
def test_a_picture_of_a_move_proves_itself_or_says_why_not(
    name: str, words: dict[str, Any], why: Refusal | None
) -> None:
    shows = a_move(kind=3)
    said = {"sha256": b"1" * 32, "bytes": 9, "type": "image/jpeg", "masked_by": "m-1", "reference": name}
    shows.pictures.add(**{**said, **words})
    assert moved_by("water", shows).unproven is why


@pytest.mark.parametrize(
    ("kind", "picture", "count"),
    [
        (3, {"masked_by": ""}, 1), (3, {"sha256": b"1"}, 1), (3, {"type": "x" * 401}, 1), (3, {"type": "a\0"}, 1),
        (3, {"bytes": (1 << 64) - 1}, 1), (3, {}, 21), (1, {}, 1), (4, {}, 1), (99, {}, 1),
    ],
)  # fmt: skip
def test_a_picture_that_nobody_masked_or_that_does_not_belong_there_is_parked(
    kind: int, picture: dict[str, Any], count: int
) -> None:
    message = a_move(kind=kind)
    for _ in range(count):
        message.pictures.add(**{"sha256": b"1" * 32, "bytes": 9, "type": "image/jpeg", "masked_by": "m", **picture})
    with pytest.raises(Never) as found:
        moved_by("water", message)
    assert found.value.why is Why.BAD_FIELD


def test_an_action_outside_the_calendar_is_parked() -> None:
    message = a_move()
    message.said_at.seconds = 253_402_300_800
    with pytest.raises(Never) as found:
        moved_by("water", message)
    assert found.value.why is Why.BAD_FIELD


def _fields(of: Descriptor, seen: set[str]) -> set[str]:
    """The names of all fields of a message and of the messages in it."""
    if of.full_name in seen:
        return set()
    seen.add(of.full_name)
    inner = (_fields(f.message_type, seen) for f in of.fields if f.message_type)
    return {f.name for f in of.fields}.union(*inner)


@pytest.mark.parametrize(
    "message", [case_pb2.Case, case_pb2.CaseChanged, assignment_pb2.Assignment, action_pb2.ActionRefused]
)
def test_no_public_message_has_a_field_for_a_reporter(message: type[Message]) -> None:
    personal = {"address", "text", "source", "contact", "box", "phone", "email", "name", "said", "observed_at"}
    assert not _fields(message.DESCRIPTOR, set()) & personal


def test_a_case_is_told_whole() -> None:
    case = a_case(
        state=State.HANDLING, lane=Lane.P0, version=3, incarnation=2, object_id="T1", signals=4, exercise=True
    )
    told = public(case)
    assert (told.case_id, told.incarnation, told.version, told.signal_count) == (case.case_id, 2, 3, 4)
    assert (told.state, told.lane) == (case_pb2.CASE_STATE_HANDLING, common_pb2.LANE_P0)
    assert (told.category, told.grid_id, list(told.grid_path)) == (
        "component:01023",
        "cell",
        ["city", "street", "cell"],
    )
    assert (told.department, told.object_id, told.home_area, told.exercise) == ("water", "T1", "990101", True)
    assert (told.routing.because, told.routing.rule_id) == (case_pb2.ROUTED_BECAUSE_RULE, "r")
    assert told.complete_by.ToMicroseconds() == case.complete_by and told.opened_at.ToMicroseconds() == case.opened_at
    assert (told.point.lon, told.point.lat, told.point.HasField("accuracy_m")) == (case.lon, case.lat, False)


def test_a_case_without_a_position_or_deadline_has_none_on_the_wire() -> None:
    told = public(a_case(None, complete_by=None))
    assert not told.HasField("point") and not told.HasField("complete_by")


@pytest.mark.parametrize("because", routing.Because)
def test_every_reason_for_a_department_has_its_word_on_the_wire(because: routing.Because) -> None:
    said = public(a_case(routed_because=because)).routing.because
    assert case_pb2.RoutedBecause.Name(said) == f"ROUTED_BECAUSE_{because.name}"


def test_the_numbers_of_the_domain_are_those_of_the_wire() -> None:
    assert {s.value: f"CASE_STATE_{s.name}" for s in State}.items() <= {
        v: k for k, v in case_pb2.CaseState.items()
    }.items()
    assert {k.value: f"ACTION_KIND_{k.name}" for k in Kind}.items() <= {
        v: k for k, v in action_pb2.ActionKind.items()
    }.items()
    refusals = {v: k for k, v in action_pb2.RefusalReason.items() if v}
    assert {r.value: f"REFUSAL_REASON_{r.name}" for r in Refusal} == refusals
    assert {x.value: f"LANE_{x.name}" for x in Lane} == {v: k for k, v in common_pb2.Lane.items() if v}


EVENTS = wire.Events(topics.registry(["water", FALLBACK]))


def test_an_event_lies_with_its_case_and_is_known_by_version_incarnation_and_topic() -> None:
    case = a_case(version=2)
    later, restored = (a_case(case_id=case.case_id, **w) for w in ({"version": 3}, {"version": 2, "incarnation": 2}))
    events = [
        EVENTS.changed(wire.Told(case), case_pb2.CASE_CHANGE_JOINED, signal_ids=(OWN,)),
        EVENTS.assignment(wire.Told(case), assignment_pb2.ASSIGNMENT_KIND_NEW, "water", OWN),
        EVENTS.changed(wire.Told(later), case_pb2.CASE_CHANGE_JOINED, signal_ids=(OWN,)),
        EVENTS.changed(wire.Told(restored), case_pb2.CASE_CHANGE_JOINED, signal_ids=(OWN,)),
    ]
    assert len({e.event_id for e in events}) == 4
    assert {(e.key, e.cause) for e in events} == {(case.case_id, OWN)}
    for event in events:
        partitions = 6 if event.topic == topics.CASES else 2
        assert event.partition == topics.partition(case.case_id, partitions)


def test_a_drill_is_assigned_under_a_type_of_its_own() -> None:
    for drill, type_ in ((False, codec.ASSIGNMENT), (True, codec.ASSIGNMENT_EXERCISE)):
        event = EVENTS.assignment(wire.Told(a_case(exercise=drill)), assignment_pb2.ASSIGNMENT_KIND_NEW, "water", OWN)
        assert event.type == type_


def test_a_refusal_tells_a_stranger_nothing_about_the_case() -> None:
    action = an_action(ids.case_id(OWN), Kind.DONE)
    event = EVENTS.refused(action, Refusal.NOT_YOURS, (), None, 1)
    told = action_pb2.ActionRefused.FromString(event.value)
    assert (told.action_id, told.client_id, told.case_id) == (action.action_id, action.client_id, action.case_id)
    assert (told.reason, told.kind, list(told.lawful)) == (2, 3, [])
    assert (told.case_incarnation, told.case_version) == (0, 0)


def test_a_refusal_tells_the_own_department_what_is_lawful() -> None:
    case = a_case(version=4, incarnation=2)
    event = EVENTS.refused(
        an_action(case.case_id, Kind.DONE), Refusal.NOT_LAWFUL_NOW, (Kind.ACCEPT, Kind.RETURN), case, 2
    )
    told = action_pb2.ActionRefused.FromString(event.value)
    assert (list(told.lawful), told.case_incarnation, told.case_version) == ([1, 2], 2, 4)
    assert (event.topic, event.type, event.event_id) == ("dispatch.water", codec.ACTION_REFUSED, told.event_id)
