"""How a report stands on the wire. Its identity is promised to every client: nothing here may move silently."""

from datetime import timedelta
from typing import Annotated, Any, NamedTuple

import msgspec
import pytest
from nacl.public import PrivateKey

from gewu import ids, topics
from gewu.lane import Lane
from gewu.runtime.contact import Opener, Sealed, Sealer
from gewu.v1.common_pb2 import Contact
from gewu.v1.signal_pb2 import Signal
from gewu_intake import parse, wire
from gewu_intake.domain.report import ContactSaid, PlaceSaid, ReportSaid, seen
from tests.support.building import NOW, a_report

V7 = "0190a5c2-7b1e-7cc3-98c4-dc0c0c07398f"


class Worded(NamedTuple):
    """One record as it is appended."""

    signal_id: str
    client_id: str
    lane: Lane
    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def worded(said: ReportSaid, source: str = "key:test", seal: Any = None, **words: Any) -> Worded:
    """The report as a signal of this source."""
    words = {
        "lane": Lane.P1,
        "area": "990101",
        "package_version": "1.0-abc",
        "class_": "component:01001",
        "now": NOW,
        **words,
    }
    front = wire.front(source, words["lane"], words["area"], words["package_version"], 6)
    ((front, partition, theirs, own, record),) = wire.word(
        [said], [seen(said, words["now"])], [front], [words["class_"]], words["now"], seal
    )
    return Worded(own, theirs, front.lane, front.topic, partition, *record)


# GOLDEN. Whoever repeats a report after an upgrade must meet the id and the hash of the first time: another id opens a
# second case, another hash makes an honest repeat a conflict. So these literals are never "updated": where one of them
# fails, it is the change that is wrong. Another key or partition costs a lock for each pair of neighbours that it parts
# (decisions 0016 and 0018), so it is moved knowingly or not at all.
GOLDEN = [
    (
        f'{{"id":"{V7}","category":"manhole","place":{{"lon":83.0085,"lat":39.0125}}}}',
        "ea8e5f50d693406a942899a8ce8ac36a38c3abcf4d8ad12e221b2a7977371a00",
        {"key:test": "0190a5c2-7b1e-84c1-8aed-45f399e7c145", "anonymous": "0190a5c2-7b1e-88ca-9f59-58c01b27f354"},
        (1, b"component:01001:1660:780"),
    ),
    (
        '{"id":"phone-17:4","category":"井盖","place":{"lon":83.0085,"lat":39.0125,"accuracy_m":7.5,"address":"外七号"},'
        '"text":"没有盖子","object_id":"99010101001000001","observed_at":"2026-03-04T18:00:00+08:00",'
        '"contact":{"phone":"13900000000"},"exercise":true}',
        "0a691f655c02ffb8d6ddeb9961cfc922fa3f8585dd6e9c5c2ddac6ebe68780ca",
        {"key:test": "714bfd20-7be5-8c82-9397-9931de43d620", "anonymous": "12f60acd-5986-8ab6-b506-d475eaa5e5e8"},
        (1, b"component:01001:1660:780"),
    ),
    (
        '{"id":"x","category":"nobody knows this word","text":"no place"}',
        "98eaf4a04c5b62c1b272a4e30cd7049508f2b7125098dcd4d44ad85c02e04b4d",
        {"key:test": "e7b5688c-16a5-802f-bd3f-5d1e9540c65a", "anonymous": "555e04f7-4bfe-8fc2-ac20-783e433b224c"},
        (3, b"x"),
    ),
]


@pytest.mark.parametrize(("body", "content", "own", "place"), GOLDEN, ids=["short", "whole", "without a place"])
def test_identity_and_place_of_a_report_never_move(
    body: str, content: str, own: dict[str, str], place: tuple[int, bytes]
) -> None:
    said = parse.report(body.encode())
    assert isinstance(said, ReportSaid)
    assert wire.content_sha256(said).hex() == content
    for source, signal_id in own.items():
        found = worded(said, source)
        assert found.signal_id == signal_id
        assert (found.partition, found.key, found.topic) == (*place, "signals.p1")


class _NewerPlace(PlaceSaid):
    floor: int | None = None


class _NewerReport(ReportSaid):
    """A report as a later version may have it: with fields more, which an older client leaves out."""

    place: _NewerPlace | None = None  # type: ignore[assignment]
    weather: str = ""
    witnesses: Annotated[int, msgspec.Meta(ge=0)] | None = None


@pytest.mark.parametrize(("body", "content"), [g[:2] for g in GOLDEN], ids=["short", "whole", "without a place"])
def test_a_field_that_a_later_version_adds_changes_no_older_report(body: str, content: str) -> None:
    said = msgspec.json.decode(body.encode(), type=_NewerReport)
    assert wire.content_sha256(said).hex() == content
    said.weather = "rain"
    assert wire.content_sha256(said).hex() != content


def test_what_is_said_to_be_what_it_would_be_anyway_is_the_same_content() -> None:
    plain = parse.report(b'{"category": "x", "place": {"lon": 83, "lat": 39}}')
    wordy = parse.report(
        b'{"text": "", "exercise": false, "contact": null, "object_id": null, "observed_at": null, "id": null,'
        b' "place": {"lat": 39.0, "lon": 83.0, "accuracy_m": null, "address": ""}, "category": "x"}'
    )
    assert isinstance(plain, ReportSaid) and isinstance(wordy, ReportSaid)
    assert wire.content_sha256(plain) == wire.content_sha256(wordy)


def test_id_and_contact_are_no_part_of_the_content() -> None:
    assert wire.content_sha256(a_report(id="a", contact=ContactSaid(phone="1"))) == wire.content_sha256(a_report())


@pytest.mark.parametrize(
    "words",
    [
        {"category": "lamp"}, {"text": "another"}, {"place": None}, {"place": PlaceSaid(83.0085, 39.01251)}, {"object_id": "T1"},
        {"place": PlaceSaid(83.0085, 39.0125, 5.0)}, {"place": PlaceSaid(83.0085, 39.0125, address="x")}, {"observed_at": NOW},
        {"exercise": True},
    ],
)  # fmt: skip
def test_every_other_word_is_part_of_the_content(words: dict[str, Any]) -> None:
    assert wire.content_sha256(a_report(**words)) != wire.content_sha256(a_report())


def test_the_same_report_said_again_is_the_same_signal() -> None:
    for source in ("key:test", ids.ANONYMOUS):
        first = worded(a_report(id="a"), source)
        again = worded(a_report(id="a"), source, now=NOW + timedelta(hours=3), package_version="2.0-def")
        assert (first.signal_id, first.partition, first.key) == (again.signal_id, again.partition, again.key)


def test_strangers_who_make_the_same_id_for_two_reports_do_not_swallow_each_other() -> None:
    one, other = (worded(a_report(id="1", text=t), ids.ANONYMOUS).signal_id for t in ("mine", "yours"))
    assert one != other


def test_a_key_holder_who_reuses_an_id_is_known_by_it_whatever_the_body_says() -> None:
    one, other = (worded(a_report(id="1", text=t), "key:test") for t in ("mine", "yours"))
    assert one.signal_id == other.signal_id
    contents = {Signal.FromString(w.value).content_sha256 for w in (one, other)}
    assert len(contents) == 2  # so that dispatch counts a conflict


def test_nobody_can_take_anothers_id() -> None:
    said = a_report(id="1")
    sources = ("key:a", "key:b", "key:A", ids.ANONYMOUS, "sensor:a")
    assert len({worded(said, s).signal_id for s in sources}) == len(sources)


def test_who_sends_no_id_makes_a_new_report_each_time() -> None:
    one, other = worded(a_report()), worded(a_report())
    assert one.client_id != other.client_id and one.signal_id != other.signal_id


def test_the_message_says_what_the_client_said_and_what_intake_knows() -> None:
    seen = NOW - timedelta(hours=1)
    place = PlaceSaid(83.0, 39.5, 7.5, "no. 7")
    found = worded(a_report(id=V7, place=place, object_id="T1", observed_at=seen, exercise=True))
    told = Signal.FromString(found.value)
    assert (told.signal_id, told.client_id, told.source) == (found.signal_id, V7, "key:test")
    assert (told.lane, told.home_area, told.package_version, told.exercise) == (2, "990101", "1.0-abc", True)
    assert (told.point.lon, told.point.lat, told.point.accuracy_m, told.address) == (83.0, 39.5, 7.5, "no. 7")
    assert (told.report.category, told.report.text, told.report.object_id) == ("manhole", "the cover is gone", "T1")
    assert (told.observed_at.ToDatetime(), told.received_at.ToDatetime()) == (
        seen.replace(tzinfo=None), NOW.replace(tzinfo=None),
    )  # fmt: skip
    headers = [("ce_specversion", b"1.0"), ("ce_type", b"gewu.v1.signal.report"), ("ce_source", b"gewu/intake")]
    assert found.headers == [*headers, ("ce_id", found.signal_id.encode())]


def test_what_was_left_out_is_absent_and_not_zero() -> None:
    told = Signal.FromString(worded(a_report(place=None)).value)
    assert not told.HasField("point") and not told.report.HasField("contact")
    assert told.observed_at == told.received_at
    assert not Signal.FromString(worded(a_report()).value).point.HasField("accuracy_m")


def test_a_contact_goes_out_sealed_and_bound_to_its_report() -> None:
    private = PrivateKey.generate()
    contact = ContactSaid("Li", "13900000000", "li@example.org")
    found = worded(a_report(contact=contact), seal=Sealer("k1", bytes(private.public_key)).seal)
    for word in ("Li", "13900000000", "li@example.org"):
        assert word.encode() not in found.value
    box = Signal.FromString(found.value).report.contact
    opened = Contact.FromString(Opener({"k1": bytes(private)}).open(Sealed(box.key_id, box.box)) or b"")
    assert (opened.signal_id, opened.name, opened.phone) == (found.signal_id, "Li", "13900000000")


def test_a_contact_without_a_seal_does_not_go_out_at_all() -> None:
    found = worded(a_report(contact=ContactSaid(phone="13900000000")))
    assert b"13900000000" not in found.value


@pytest.mark.parametrize(
    ("lon", "lat", "key"),
    [(83.0, 39.0, "1660:780"), (83.0499, 39.0499, "1660:780"), (-0.001, -0.001, "-1:-1"), (0.0, 0.0, "0:0"),
     (180, 90, "3600:1800")],
)  # fmt: skip
def test_reports_of_one_class_and_area_lie_in_one_partition(lon: float, lat: float, key: str) -> None:
    found = worded(a_report(place=PlaceSaid(lon, lat)), class_="matter:06010")
    assert found.key == f"matter:06010:{key}".encode()
    column, row = map(int, key.split(":"))
    assert found.partition == topics.area_partition("matter:06010", (column, row), 6)


def test_a_report_that_can_join_nothing_is_in_nobodys_way() -> None:
    for report, class_ in ((a_report(id="x", place=None), "matter:06010"), (a_report(id="x"), "")):
        found = worded(report, class_=class_)
        assert (found.key, found.partition) == (b"x", topics.partition("x", 6))


@pytest.mark.parametrize("lane", Lane)
def test_a_report_goes_to_the_topic_of_its_lane(lane: Lane) -> None:
    found = worded(a_report(), lane=lane)
    assert (found.lane, found.topic) == (lane, topics.signals(lane))
    assert Signal.FromString(found.value).lane == lane.value
