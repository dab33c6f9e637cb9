"""Records that no report of intake's becomes, as cameras, departments and strangers would write them."""

import hashlib
from collections.abc import Sequence
from typing import Any

from gewu import codec, ids, topics
from gewu.v1.action_pb2 import Action, ActionKind
from gewu.v1.signal_pb2 import Signal

_CAMERA = "camera:planted"
_ENVELOPE, _MOVE = codec.Envelope(codec.SIGNAL_DETECTION, "tests"), codec.Envelope(codec.ACTION, "tests")
Record = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


def hostile(count: int) -> list[Record]:
    """Records that are no message of ours."""
    return [(b"k", b"\xff\xff%d" % n, list(_ENVELOPE.headers(ids.new_client_id()))) for n in range(count)]


def seen_by_a_camera(reports: Sequence[dict[str, Any]]) -> list[Record]:
    """A detection of each of these things, where it was reported."""
    return [_detection(report["category"], report["place"]) for report in reports]


def moves(cases: Sequence[tuple[str, str]]) -> dict[tuple[str, int], list[Record]]:
    """By topic and partition, a move of each case's department: to accept the case or to give it back."""
    partitions = {t.name: t.partitions for t in topics.registry({department for _, department in cases})}
    found: dict[tuple[str, int], list[Record]] = {}
    for n, (case_id, department) in enumerate(cases):
        topic, kind = (
            topics.actions(department),
            ActionKind.ACTION_KIND_RETURN if n % 2 else ActionKind.ACTION_KIND_ACCEPT,
        )
        move = Action(client_id=ids.new_client_id(), case_id=case_id, kind=kind, note="not ours", said_by="planted")
        move.said_at.GetCurrentTime()
        record: Record = (case_id.encode(), move.SerializeToString(), list(_MOVE.headers(ids.new_client_id())))
        found.setdefault((topic, topics.partition(case_id, partitions[topic])), []).append(record)
    return found


def _detection(category: str, place: dict[str, float]) -> Record:
    client_id = ids.new_client_id()
    signal = Signal(
        signal_id=ids.signal_id(_CAMERA, client_id), source=_CAMERA, client_id=client_id, home_area="x", package_version="t",
        content_sha256=hashlib.sha256(client_id.encode()).digest(),
    )  # fmt: skip
    signal.received_at.GetCurrentTime()
    signal.observed_at.GetCurrentTime()
    signal.point.lon, signal.point.lat = place["lon"], place["lat"]
    signal.detection.category = category
    return b"k", signal.SerializeToString(), list(_ENVELOPE.headers(signal.signal_id))
