"""The smaller parts: what is said over the pipe, what may be opened, how signals are worded and said again."""

import asyncio
import json
from datetime import UTC, date, datetime
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from gewu.city import City, load
from gewu.city.scene import PlateRule
from gewu.lane import Lane
from gewu.runtime.env import SettingsFault
from gewu.runtime.producer import Unknown
from gewu.v1.signal_pb2 import Signal
from gewu_video import app, children, settings, sources, talk
from gewu_video.domain.pauses import Knock
from gewu_video.domain.silence import Sight
from gewu_video.handlers import Handlers
from gewu_video.metrics import Metrics
from gewu_video.mouth import MOST_WAITING, Mouth
from gewu_video.settings import Sources
from gewu_video.talk import Beat, End, Ended, Garbled, Hit, Plates, Sees, Zones
from gewu_video.wire import Said, Seen, Words
from tests.support.waiting import until
from tests.video.cameras import LOOPBACK, camera

FIRE_LANE, MANAGED = "99010100001310000001", "99010100001320000002"


class Still:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, tzinfo=UTC).timestamp()

    def now(self) -> datetime:
        """The time that was set."""
        return datetime.fromtimestamp(self.at, UTC)


@pytest.fixture(scope="module")
def gelin(demo: Path) -> City:
    return load(demo)


@pytest.mark.parametrize(
    "message", [Beat(0.5, 3, 1), Zones({"z": 0.25}), Plates(2, "m", [Hit("r", "皖A12345", 0.9)]), End(Ended.PLAYED)]
)
def test_a_message_comes_out_as_it_went_in(message: talk.Message) -> None:
    said = talk.worded(message)
    assert talk.length(said[:4]) == len(said) - 4 and talk.message(said[4:]) == message


@pytest.mark.parametrize("head", [b"\0\0\0\0", b"\xff\xff\xff\xff", (talk.MESSAGE_BYTES + 1).to_bytes(4)])
def test_a_length_that_nobody_of_ours_would_say_is_refused(head: bytes) -> None:
    with pytest.raises(Garbled):
        talk.length(head)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\x80\x04.", b'{"k":"beat"}', b'{"k":"run","x":1}', b'{"k":"beat","age":-1,"looked":1,"dropped":0}',
     b'{"k":"zones","covered":{"z":2}}', b'{"k":"beat","age":1,"looked":1,"dropped":0,"face":1}', b"\xff\xfe"],
)  # fmt: skip
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(Garbled):
        talk.message(body)


def test_a_child_can_name_no_person_and_no_attribute() -> None:
    fields = {f for kind in (talk.Up, Beat, Zones, Plates, Hit, End) for f in kind.__struct_fields__}
    assert fields == {
        "width", "height", "sees", "age", "looked", "dropped", "covered", "read", "model", "hits", "rule", "plate",
        "confidence", "why",
    }  # fmt: skip
    assert set(talk.Sees) == {"motion", "plates", "masked"}


async def test_a_child_that_talks_nonsense_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A program in the child's place that says a length of four gigabytes and goes on for ever.
    liar = tmp_path / "python"
    liar.write_text("#!/bin/sh\nprintf '\\377\\377\\377\\377'\nexec sleep 60\n")
    liar.chmod(0o755)
    monkeypatch.setattr(children.sys, "executable", str(liar))
    (tmp_path / "a.mp4").write_bytes(b"x")
    ends: list[Ended] = []
    bounds = settings.Children(4.0, 2.0, 3.0, 1.0, 1 << 30)
    keeper = children.Keeper(
        camera("a.mp4"),
        load_scenes(),
        bounds,
        Sources(tmp_path, False, (), None),
        lambda _: (),
        {"PATH": "/bin:/usr/bin"},
    )
    task = asyncio.create_task(keeper.keep(lambda *_: None, lambda _, why: ends.append(why), *[lambda *_: None] * 2))

    async def ended() -> bool:
        return bool(ends)

    await until(ended, 10.0, "its end")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ends[0] is Ended.GARBLED


async def test_a_child_is_ended_when_other_rules_hold_than_it_was_ordered_to_look_for() -> None:
    in_force = [
        PlateRule("r", ("c",), "matter:09009", "案件", ("皖A12345",), ("甲", "乙"), date(2026, 1, 1), date(2026, 3, 1))
    ]
    bounds = settings.Children(4.0, 2.0, 3.0, 1.0, 1 << 30)
    keeper = children.Keeper(
        camera("a.mp4"), load_scenes(), bounds, Sources(None, False, (), None), lambda _: in_force, {}
    )  # fmt: skip
    said, heard = asyncio.StreamReader(), []
    listening = asyncio.create_task(keeper._listen(said, {"r"}, lambda _, message: heard.append(message)))
    said.feed_data(talk.worded(Beat(0.1, 1, 0)))

    async def one() -> bool:
        return bool(heard)

    await until(one, 5.0, "a beat while the rule holds")
    in_force.clear()  # its last day is over
    said.feed_data(talk.worded(Beat(0.1, 2, 0)))
    assert await asyncio.wait_for(listening, 5.0) is Ended.RULES and len(heard) == 1


def load_scenes():  # type: ignore[no-untyped-def]
    """None."""
    from gewu.city.scene import Scenes

    return Scenes()


def test_a_login_joins_the_address_and_stands_in_no_refusal(tmp_path: Path) -> None:
    logins = tmp_path / "logins.json"
    seen = camera("rtsp://127.0.0.1:8554/live")
    logins.write_text(json.dumps({seen.id: {"user": "u@x", "password": "p:/w"}}))
    assert sources.url(seen, Sources(None, False, (LOOPBACK,), logins)) == "rtsp://u%40x:p%3A%2Fw@127.0.0.1:8554/live"
    assert sources.url(seen, Sources(None, False, (LOOPBACK,), None)) == "rtsp://127.0.0.1:8554/live"
    logins.write_text(json.dumps({seen.id: {"user": "u@x", "secret": "p:/w"}}))
    with pytest.raises(sources.Refused) as refused:
        sources.url(seen, Sources(None, False, (LOOPBACK,), logins))
    assert "p:/w" not in str(refused.value)


@pytest.mark.parametrize("source", ["rtsp://127.0.0.1/x", "rtsp://localhost/x", "rtsp://[::1]/x"])
def test_an_address_outside_the_networks_is_refused(source: str) -> None:
    with pytest.raises(sources.Refused, match="outside GEWU_CAMERA_NETWORKS"):
        sources.url(camera(source), Sources(None, False, (ip_network("10.0.0.0/8"),), None))


def test_wrong_settings_are_named(demo: Path) -> None:
    said = {
        "GEWU_KAFKA_BOOTSTRAP": "127.0.0.1:9", "GEWU_CITY": str(demo), "GEWU_CAMERA_NETWORKS": "ten", "GEWU_MODELS": "/nowhere",
        "GEWU_CAMERA_FRAME_AGE": "1s", "GEWU_CAMERA_MEMORY": "1MiB",
    }  # fmt: skip
    with pytest.raises(SettingsFault) as wrong:
        settings.read(said)
    assert all(name in str(wrong.value) for name in list(said)[2:])


class Wanting:
    """A producer that answers with these faults first."""

    def __init__(self, faults: int) -> None:
        self.faults, self.said = faults, []

    def append(self, topic, partition, records, done) -> None:  # type: ignore[no-untyped-def]
        """As the real one."""
        self.said.append(records[0])
        self.faults -= 1
        asyncio.get_running_loop().call_soon(done, 0, 1, Unknown("no ack") if self.faults >= 0 else None)

    async def flush(self) -> None:
        """Nothing waits."""


async def test_a_signal_without_an_ack_is_said_again_under_its_own_id(gelin: City) -> None:
    producer, metrics = Wanting(2), Metrics(CollectorRegistry())
    mouth = Mouth(dict.fromkeys(Lane, producer), metrics)
    seen = Seen("r", "matter:09012", 83.0, 39.0, 1_000_000)
    mouth.say(Words(gelin, None).detection(camera("a.mp4"), seen, 2_000_000))

    async def acked() -> bool:
        return metrics.signals.labels("detection", "acked").value() == 1

    await until(acked, 20.0, "the ack")
    assert len(producer.said) == 3 and len({r[1] for r in producer.said}) == 1 and mouth.waiting == 0
    assert metrics.signals.labels("detection", "again").value() == 2


async def test_what_waits_has_a_bound_and_what_is_beyond_is_counted(gelin: City) -> None:
    metrics = Metrics(CollectorRegistry())
    mouth = Mouth(dict.fromkeys(Lane, Wanting(10**9)), metrics)
    said = Words(gelin, None).silent(camera("a.mp4"), 1, 2)
    for _ in range(MOST_WAITING + 3):
        mouth.say(said)
    assert mouth.waiting == MOST_WAITING and metrics.signals.labels("fault", "lost").value() == 3
    for task in mouth._saying:
        task.cancel()


def test_an_occurrence_has_one_id_whoever_says_it_and_whenever(gelin: City) -> None:
    words, seen = Words(gelin, None), Seen("r", "matter:09012", 83.013975, 39.008682, 5_000_000)
    first, again = (
        Signal.FromString(words.detection(camera("a.mp4"), seen, at).record[1]) for at in (6_000_000, 9_000_000)
    )
    assert (first.signal_id, first.content_sha256) == (again.signal_id, again.content_sha256)
    other = Words(gelin, None).detection(camera("a.mp4"), Seen("r", "matter:09012", 83.0, 39.0, 5_000_001), 6_000_000)
    assert Signal.FromString(other.record[1]).signal_id != first.signal_id
    assert (first.lane, first.home_area, first.source[:7]) == (Lane.P1, "990101", "camera:")


@pytest.fixture
def judged(gelin: City) -> tuple[Handlers, list[Said], Still]:
    """Handlers of the demo's cameras, what they say, and their clock."""
    said: list[Said] = []
    clock, metrics = Still(), Metrics(CollectorRegistry(), gelin.cameras)
    handlers = Handlers(gelin, gelin.cameras, Words(gelin, None), said.append, metrics, clock, can_seal=False)
    return handlers, said, clock


def test_a_zone_of_another_camera_is_believed_of_no_child(
    judged: tuple[Handlers, list[Said], Still], gelin: City
) -> None:
    handlers, said, clock = judged
    other = next(c for c in gelin.cameras.values() if c.id != FIRE_LANE)
    for _ in range(30):
        clock.at += 1
        handlers.heard(other, Zones({"fire-lane-zhifang": 1.0, "no-such": 1.0}))
    assert said == []
    for _ in range(30):
        clock.at += 1
        handlers.heard(gelin.cameras[FIRE_LANE], Zones({"fire-lane-zhifang": 1.0}))
    assert [s.kind for s in said] == ["detection"]


def test_a_file_that_was_played_or_is_missing_is_not_silent(
    judged: tuple[Handlers, list[Said], Still], gelin: City
) -> None:
    handlers, said, clock = judged
    first, second = gelin.cameras.values()
    handlers.ended(first, Ended.PLAYED)
    handlers.missing(second, "not there")
    clock.at += 10_000
    handlers.tick()
    assert said == [] and handlers.sights == {first.id: Sight.ENDED, second.id: "missing"}


def test_a_plate_is_neither_read_nor_said_without_a_key_to_seal_it(judged: tuple[Handlers, list[Said], Still]) -> None:
    handlers, said, _ = judged
    assert handlers.rules(FIRE_LANE) == []
    handlers.heard(camera("a.mp4", FIRE_LANE), Plates(1, "m", [Hit("no-such-rule", "皖A12345", 0.9)]))
    assert said == []


def test_each_knock_is_counted_and_a_door_that_stays_shut_is_logged_once(
    judged: tuple[Handlers, list[Said], Still], caplog: pytest.LogCaptureFixture
) -> None:
    handlers, said, _ = judged
    seen = camera("rtsp://127.0.0.1/x")
    for answer in (Knock.SILENT, Knock.SILENT, Knock.ANSWERED, Knock.SILENT):
        handlers.knocked(seen, answer)
    knocks = handlers._metrics.knocks
    assert [knocks.labels(k).value() for k in (Knock.SILENT, Knock.ANSWERED, Knock.REFUSED)] == [3, 1, 0]
    assert [r.getMessage() for r in caplog.records] == ["nobody answers where a camera should"] * 2 and said == []


@pytest.mark.parametrize("there", [False, True])
def test_without_models_it_says_that_it_sees_motion_only_and_whom_it_does_not_look_at(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, gelin: City, there: bool
) -> None:
    registry = CollectorRegistry()
    asked = cast(settings.Settings, SimpleNamespace(models=tmp_path if there else None))
    app._tell_what_it_can(asked, gelin.cameras.values(), Metrics(registry, []))
    assert "motion only, no plate is looked for: " in caplog.text
    (hidden,) = (r for r in caplog.records if "cameras of city_management are not looked at" in r.getMessage())
    assert vars(hidden)["cameras"] == MANAGED
    assert ("face_detect_yunet_n" if there else "GEWU_MODELS") in hidden.getMessage()
    missing = ("plate_detect_640", "plate_read_rapidocr", "gewu-video[read]") if there else ("GEWU_MODELS",)
    assert all(name in caplog.text for name in missing), "and what is missing"
    can = {what: registry.get_sample_value("gewu_video_capability", {"sees": what}) for what in Sees}
    assert can == {"motion": 1, "plates": 0, "masked": 0}
