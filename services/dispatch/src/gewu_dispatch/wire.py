"""Between the wire's messages and the domain's values."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from gewu import codec, ids, topics
from gewu.errors import Never, Why
from gewu.lane import Lane
from gewu.runtime.outbox import Event
from gewu.v1 import action_pb2, assignment_pb2, case_pb2, signal_pb2
from gewu_dispatch.domain.action import Action, Kind, Refusal
from gewu_dispatch.domain.case import Case, Signal

_LANES = {lane.value: lane for lane in Lane}
_KINDS = {kind.value: kind for kind in Kind}


def signal(value: bytes | None, type_: str) -> Signal:
    """A signal from its record; Never when it cannot be one."""
    said = codec.decode(signal_pb2.Signal, value)
    which = said.WhichOneof("kind")
    if which == "reading":
        raise Never(Why.NOT_SERVED, "readings are not served yet")
    if which is None or not type_.endswith(which):
        raise Never(Why.BAD_FIELD, f"ce_type is {type_}, the message holds {which or 'no kind'}")
    _uuid("signal_id", said.signal_id)
    lane = _LANES.get(said.lane)
    if lane is None:
        raise Never(Why.BAD_FIELD, f"lane {said.lane} is none of {', '.join(lane.label for lane in Lane)}")
    if not said.source or not said.client_id:
        raise Never(Why.BAD_FIELD, "source and client_id must be given")
    report = said.report if which == "report" else None
    contact = report.contact if report and report.HasField("contact") else None
    place = said.place if said.HasField("place") else None
    if place and not (-180 <= place.lon <= 180 and -90 <= place.lat <= 90):
        raise Never(Why.BAD_FIELD, f"place {place.lon}, {place.lat} is not on Earth")
    return Signal(
        signal_id=said.signal_id, lane=lane, source=said.source, client_id=said.client_id,
        observed_at=_time("observed_at", said.observed_at), received_at=_time("received_at", said.received_at),
        lon=place.lon if place else None, lat=place.lat if place else None,
        accuracy_m=place.accuracy_m if place and place.HasField("accuracy_m") else None,
        address=place.address if place else "", home_area=said.home_area, exercise=said.exercise,
        content=said.content_sha256, said=report.category if report else said.detection.category,
        text=report.text if report else "", object_id=report.object_id if report else "",
        contact=(contact.key_id, contact.box) if contact else None,
    )  # fmt: skip


def action(value: bytes | None, department: str) -> Action:
    """A department's action from its record; Never when it cannot be one."""
    said = codec.decode(action_pb2.Action, value)
    kind = _KINDS.get(said.kind)
    if kind is None:
        raise Never(Why.BAD_FIELD, f"kind {said.kind} is none of {', '.join(k.name for k in Kind)}")
    if not said.client_id:
        raise Never(Why.BAD_FIELD, "client_id must be given")
    return Action(
        # Derived here, never believed: the payload may not choose whose action it is.
        action_id=ids.action_id(department, said.client_id), client_id=said.client_id, department=department,
        case_id=said.case_id, kind=kind, note=said.note, said_at=_time("said_at", said.said_at), said_by=said.said_by,
    )  # fmt: skip


def case(found: Case) -> case_pb2.Case:
    """The whole public case."""
    message = case_pb2.Case(
        case_id=found.case_id, incarnation=found.incarnation, version=found.version, state=found.state.value,
        lane=found.lane.value, category=found.category, grid_id=found.grid_id, grid_path=found.grid_path,
        home_area=found.home_area, department=found.department, routed_because=found.routed_because,
        rule_id=found.rule_id, object_id=found.object_id, signals=found.signals, exercise=found.exercise,
        package_version=found.package_version,
    )  # fmt: skip
    if found.lon is not None and found.lat is not None:
        message.place.lon, message.place.lat, message.place.address = found.lon, found.lat, found.address
    message.opened_at.FromDatetime(found.opened_at)
    message.changed_at.FromDatetime(found.changed_at)
    if found.due_at:
        message.due_at.FromDatetime(found.due_at)
    return message


class Events:
    """Words outbox events; knows how many partitions each topic has."""

    def __init__(self, registry: tuple[topics.Topic, ...]) -> None:
        self._partitions = {t.name: t.partitions for t in registry}

    def changed(self, found: Case, change: int, *, signal_id: str = "", action_id: str = "") -> Event:
        """The case is now like this."""
        own = ids.event_id(found.case_id, found.incarnation, found.version, topics.CASES)
        message = case_pb2.CaseChanged(
            event_id=own, change=change, case=case(found), signal_id=signal_id, action_id=action_id
        )
        return self._event(found, topics.CASES, own, codec.CASE_CHANGED, message.SerializeToString(), None)

    def assignment(
        self, found: Case, kind: int, department: str, *, note: str = "", received_at: datetime | None = None
    ) -> Event:
        """What this department shall know; received_at of the causing signal lets the relay measure the whole way."""
        topic = topics.dispatch(department)
        own = ids.event_id(found.case_id, found.incarnation, found.version, topic)
        message = assignment_pb2.Assignment(event_id=own, kind=kind, case=case(found), note=note)
        return self._event(found, topic, own, codec.ASSIGNMENT, message.SerializeToString(), received_at)

    def refused(self, said: Action, refusal: Refusal, lawful: tuple[Kind, ...], incarnation: int) -> Event:
        """Why an action changed nothing."""
        topic = topics.dispatch(said.department)
        own = ids.event_id(said.action_id, incarnation, 0, topic)
        message = action_pb2.ActionRefused(
            event_id=own, action_id=said.action_id, client_id=said.client_id, case_id=said.case_id, kind=said.kind.value,
            reason=refusal.value, lawful=[k.value for k in lawful],
        )  # fmt: skip
        return Event(
            said.action_id, incarnation, 0, topic, topics.partition(said.case_id, self._partitions[topic]), Lane.P1, own,
            codec.ACTION_REFUSED, message.SerializeToString(),
        )  # fmt: skip

    def _event(
        self, found: Case, topic: str, own: str, type_: str, value: bytes, received_at: datetime | None
    ) -> Event:
        place = topics.partition(found.case_id, self._partitions[topic])
        return Event(
            found.case_id, found.incarnation, found.version, topic, place, found.lane, own, type_, value, received_at
        )


def _time(name: str, said: Timestamp) -> datetime:
    try:
        return said.ToDatetime(UTC)
    except (ValueError, OverflowError) as fault:
        raise Never(Why.BAD_FIELD, f"{name}: {fault}") from None


def _uuid(name: str, said: str) -> None:
    if len(said) != 36 or said.count("-") != 4 or not said.replace("-", "").isalnum():
        raise Never(Why.BAD_FIELD, f"{name} {said[:80]!r} is not a UUID")
