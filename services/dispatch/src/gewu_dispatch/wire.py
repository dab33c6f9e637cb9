"""Between the wire's messages and the domain's values."""

import re
from collections.abc import Sequence
from math import isfinite

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from msgspec.structs import replace

from gewu import codec, faults, ids, topics
from gewu.city import City
from gewu.clock import from_micros
from gewu.errors import Never, Why
from gewu.lane import Lane
from gewu.pictures.reference import References
from gewu.runtime.outbox import Event
from gewu.v1 import action_pb2, assignment_pb2, case_pb2, signal_pb2
from gewu_dispatch import encoding
from gewu_dispatch.domain.action import PICTURES, Action, Kind, Refusal
from gewu_dispatch.domain.case import Case, Contact, Signal, Source
from gewu_dispatch.domain.proof import unproven
from gewu_dispatch.domain.sensing import Reading
from gewu_dispatch.fields import DIGEST, TEXT, bounded, picture, plate, position, time, uuid

_MOVES = {kind.value: kind for kind in Kind}
_KINDS = {kind.name.lower(): kind for kind in Source}
_TROUBLES = {signal_pb2.DEVICE_TROUBLE_SILENT: "silent", signal_pb2.DEVICE_TROUBLE_FLAPPING: "flapping"}
_LARGEST = 2**63 - 1  # what a bigint holds
_OBJECT_ID = re.compile(r"[A-Za-z0-9-]{1,40}")  # the one word of a reporter that the public case repeats


def signal(value: bytes | None, type_: str, lane: Lane) -> tuple[Signal | Reading, bool]:
    """A signal or a reading from its record, and whether it has fields of a newer version; Never when it cannot be one.

    `lane` is the topic's: a payload cannot claim another.
    """
    said = codec.decode(signal_pb2.Signal, value)
    which = said.WhichOneof("kind")
    if which is None or not type_.endswith(which):
        raise Never(Why.BAD_FIELD, f"ce_type is {type_}, the message holds {which or 'no kind'}")
    # Each field is read once: reading it costs more than what is done with it.
    own, source, client_id, content = said.signal_id, said.source, said.client_id, said.content_sha256
    home_area, package_version, address = said.home_area, said.package_version, said.address
    uuid("signal_id", own)
    if not source or not client_id:
        raise Never(Why.BAD_FIELD, "source and client_id must be given")
    if len(content) != DIGEST:
        raise Never(Why.BAD_FIELD, f"content_sha256 has {len(content)} bytes, a SHA-256 has {DIGEST}")
    if which == "reading":
        return _reading(said), bool(len(UnknownFieldSet(said)) or len(UnknownFieldSet(said.reading)))
    lon, lat, accuracy_m = position(said.point) if said.HasField("point") else (None, None, None)
    report = said.report if which == "report" else None
    sealed, after = None, ""
    if report:
        said_class, text, object_id = report.category, report.text, report.object_id
        if report.HasField("contact"):
            sealed = Contact(report.contact.key_id, report.contact.box)
    elif which == "fault":
        said_class, text, object_id, after = _fault(said)
    else:
        said_class, text, object_id, sealed = said.detection.category, "", "", plate(said.detection)
    bounded(source, client_id, home_area, package_version, address, said_class, object_id)
    bounded(text, most=TEXT)
    if object_id and not _OBJECT_ID.fullmatch(object_id):
        raise Never(Why.BAD_FIELD, f"object_id {object_id[:80]!r} is no id")
    found = Signal(  # in the order of its fields: by their names it takes five times as long
        own, _KINDS[which], lane, source, client_id, time(said, "observed_at"), time(said, "received_at"),
        lon, lat, accuracy_m, address, home_area, package_version, said.exercise, content, said_class, text, object_id,
        sealed, tuple(picture(p) for p in pictures) if (pictures := said.pictures) else (), after,
    )  # fmt: skip
    return found, bool(len(UnknownFieldSet(said)) or len(UnknownFieldSet(report or getattr(said, which))))


def _reading(said: signal_pb2.Signal) -> Reading:
    """A sensor's reading; what it means is the package's to say."""
    own = said.reading
    sensor, session, counter, value = own.sensor_id, own.session, own.counter, own.value
    bounded(said.source, said.client_id, said.home_area, said.package_version, own.quantity, own.unit)
    if said.source != f"sensor:{sensor}" or said.client_id != f"{session}:{counter}":
        raise Never(
            Why.BAD_FIELD, f"{said.source!r} {said.client_id!r} is not who speaks in reading {sensor[:80]!r} {counter}"
        )
    if max(session, counter) > _LARGEST:
        raise Never(Why.BAD_FIELD, f"session {session} or counter {counter} is above {_LARGEST}")
    if not own.HasField("value") or not isfinite(value):
        raise Never(Why.BAD_FIELD, f"value {value} is no number")
    return Reading(
        said.signal_id, sensor, session, counter, own.quantity, own.unit, value, time(said, "observed_at"),
        time(said, "received_at"), said.source, said.client_id, said.content_sha256, said.home_area, said.package_version,
    )  # fmt: skip


def _fault(said: signal_pb2.Signal) -> tuple[str, str, str, str]:
    """Class, text, object and case before of a fault: the device stands as the object, so that two devices' cases stay two."""
    own = said.fault
    kind, _, device = own.device.partition(":")
    if said.source != own.device or not kind or not _OBJECT_ID.fullmatch(device):
        raise Never(
            Why.BAD_FIELD, f"{said.source[:80]!r} tells of device {own.device[:80]!r}; it must be that device's own id"
        )
    if own.case_before:
        uuid("case_before", own.case_before)
    word = _TROUBLES.get(own.trouble, "in trouble")
    again = f", after case {own.case_before} was handled" if own.case_before else ""
    return (
        own.category,
        f"{kind} {device} {word} since {_moment(own.since.ToMicroseconds())}{again}",
        device,
        own.case_before,
    )


def action(value: bytes | None, department: str, references: References) -> Action:
    """A department's action from its record; Never when it cannot be one. An unknown kind is kept, to be refused, and so is a
    picture that does not prove itself."""
    said = codec.decode(action_pb2.Action, value)
    if not said.client_id:
        raise Never(Why.BAD_FIELD, "client_id must be given")
    bounded(said.client_id, said.case_id, said.said_by)
    bounded(said.note, most=TEXT)
    kind = _MOVES.get(said.kind, said.kind)
    if said.pictures and (kind is not Kind.DONE or len(said.pictures) > PICTURES):
        raise Never(Why.BAD_FIELD, f"{len(said.pictures)} pictures: they belong to done, at most {PICTURES}")
    if "\0" in f"{said.client_id}{said.case_id}{said.said_by}{said.note}":
        raise Never(Why.BAD_FIELD, "no table takes a text with a NUL")
    said_at, pictures = time(said, "said_at"), tuple(map(picture, said.pictures))
    return Action(
        # Derived here, never believed: the payload may not choose whose action it is.
        action_id=ids.action_id(department, said.client_id), client_id=said.client_id, department=department,
        case_id=said.case_id.lower(), kind=kind, note=said.note, said_at=said_at, said_by=said.said_by,
        until=time(said, "until") if kind is Kind.EXTEND and said.HasField("until") else None,
        pictures=pictures, unproven=unproven(pictures, department, said_at, references) if pictures else None,
    )  # fmt: skip


class Told:
    """One version of a case with its wording, which every event of that version holds: made once, it is what costs most."""

    __slots__ = ("case", "value")

    def __init__(self, found: Case) -> None:
        self.case, self.value = found, encoding.case(found)


class Events:
    """Words outbox events; knows how many partitions each topic has."""

    def __init__(self, registry: tuple[topics.Topic, ...]) -> None:
        self._partitions = {t.name: t.partitions for t in registry}

    def changed(
        self, told: Told, change: int, *, signal_ids: Sequence[str] = (), action_id: str = "", raises: bool = False
    ) -> Event:
        """The case is now like this."""
        found = told.case
        own = ids.event_id(found.case_id, found.incarnation, found.version, topics.CASES)
        value = encoding.changed(own, change, told.value, signal_ids, action_id)
        cause = action_id or (signal_ids[0] if signal_ids else None)
        return self._event(found, topics.CASES, own, codec.CASE_CHANGED, value, cause, None, raises)

    @staticmethod
    def leaving(changed: Event, departments: Sequence[str]) -> Event:
        """The same change, and these departments do not have the case any more."""
        return replace(changed, value=changed.value + encoding.left(departments)) if departments else changed

    def assignment(
        self,
        told: Told,
        kind: int,
        department: str,
        cause: str | None,
        *,
        note: str = "",
        received_at: int | None = None,
    ) -> Event:
        """What this department shall know; received_at of the causing signal lets the relay measure the whole way."""
        found, topic = told.case, topics.dispatch(department)
        own = ids.event_id(found.case_id, found.incarnation, found.version, topic)
        value = encoding.assignment(own, kind, told.value, note)
        type_ = codec.ASSIGNMENT_EXERCISE if found.exercise else codec.ASSIGNMENT
        raises = kind == assignment_pb2.ASSIGNMENT_KIND_RAISED
        return self._event(found, topic, own, type_, value, cause, received_at, raises)

    def fault(
        self, city: City, device: str, trouble: int, since: int, at: int, after: tuple[str, int] | None = None
    ) -> Event:
        """A device's fault on its way to the log, from where we hear it. ValueError for a device that the city does not have."""
        known = city.device(device)
        if known is None:
            raise ValueError(f"{device} is no device of this city")
        found = faults.word(city, faults.Fault(device, known.lon, known.lat, trouble, since, after), at)
        own, value = found.said.signal_id, found.said.SerializeToString()
        return Event(found.topic, found.partition, found.lane, own, codec.SIGNAL_FAULT, 0, value, found.key, own)

    def superseded(
        self, last: case_pb2.Case, by: str, incarnation: int, at: int, believers: Sequence[str]
    ) -> list[Event]:
        """The case as it was announced last does not stand any more; `by` has its place, if any; believers lose it."""
        gone = case_pb2.Case()
        gone.CopyFrom(last)
        gone.incarnation, gone.version, gone.superseded_by = incarnation, last.version + 1, by
        gone.state = case_pb2.CASE_STATE_SUPERSEDED
        gone.changed_at.FromMicroseconds(at)
        own = ids.event_id(gone.case_id, incarnation, gone.version, topics.CASES)
        said = case_pb2.CaseChanged(event_id=own, change=case_pb2.CASE_CHANGE_SUPERSEDED, case=gone)
        found = [self._of(gone, topics.CASES, own, codec.CASE_CHANGED, said)]
        gone.department = ""  # nobody has it, also not the one who is told so
        type_ = codec.ASSIGNMENT_EXERCISE if gone.exercise else codec.ASSIGNMENT
        for topic in map(topics.dispatch, believers):
            own = ids.event_id(gone.case_id, incarnation, gone.version, topic)
            kind = assignment_pb2.ASSIGNMENT_KIND_WITHDRAWN
            told = assignment_pb2.Assignment(event_id=own, kind=kind, case=gone)
            found.append(self._of(gone, topic, own, type_, told))
        return found

    def refused(
        self,
        said: Action,
        refusal: Refusal,
        lawful: tuple[Kind, ...],
        own_case: Case | None,
        incarnation: int,
    ) -> Event:
        """Why an action changed nothing. Its id holds the content, because one client id may be refused for two."""
        topic = topics.dispatch(said.department)
        own = ids.event_id(f"{said.action_id}:{said.content.hex()}", incarnation, int(refusal), topic)
        message = action_pb2.ActionRefused(
            event_id=own, action_id=said.action_id, client_id=said.client_id, case_id=said.case_id, kind=int(said.kind),
            reason=refusal.value, lawful=[k.value for k in lawful],
            case_incarnation=own_case.incarnation if own_case else 0, case_version=own_case.version if own_case else 0,
        )  # fmt: skip
        return Event(
            topic=topic, partition=topics.partition(said.case_id, self._partitions[topic]), lane=Lane.P1, event_id=own,
            type=codec.ACTION_REFUSED, version=0, value=message.SerializeToString(), key=said.case_id, cause=said.action_id,
        )  # fmt: skip

    def _of(self, found: case_pb2.Case, topic: str, own: str, type_: str, said: Message) -> Event:
        """An event of a case that has no row."""
        place = topics.partition(found.case_id, self._partitions[topic])
        return Event(
            topic, place, Lane(found.lane), own, type_, found.version, said.SerializeToString(), found.case_id,
        )  # fmt: skip

    def _event(
        self,
        found: Case,
        topic: str,
        own: str,
        type_: str,
        value: bytes,
        cause: str | None,
        received_at: int | None,
        raises: bool,
    ) -> Event:
        place = topics.partition(found.case_id, self._partitions[topic])
        return Event(
            topic, place, found.lane, own, type_, found.version, value, found.case_id, cause, None, raises, received_at
        )


def _moment(at: int) -> str:
    return from_micros(at).isoformat(timespec="seconds").replace("+00:00", "Z")
