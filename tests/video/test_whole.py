"""Through the whole Gewu: a clip becomes a case, a silent camera a fault, and a plate that nobody asks for nothing at all."""

import base64
import hashlib
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from gewu import ids, topics
from gewu.city import load
from gewu.dev.ports import free_ports
from gewu.dev.stack import Stack
from gewu.lane import Lane
from gewu.runtime import secrets_folder
from gewu.runtime.contact import Opener, Sealed
from gewu.runtime.settings import Kafka
from gewu.v1.assignment_pb2 import Assignment
from gewu.v1.signal_pb2 import DEVICE_TROUBLE_SILENT, Plate, RuleSuspended, Signal
from gewu_video import clips
from tests.api.test_pictures import rows
from tests.support import log
from tests.support.waiting import until
from tests.video import plates

FIRE_LANE, SILENT, CAR_PARK = "99010100001310000001", "99010100001310000011", "99010100001310000012"
ASKED, CANARY = plates.ASKED, plates.CANARY


def package(demo: Path, folder: Path) -> Path:
    """The demo city with a camera that nobody can reach and one before which two cars stand, one of them asked for."""
    shutil.copytree(demo, folder)
    head, fire_lane, _ = (demo / "cameras.csv").read_text().splitlines()
    silent = fire_lane.replace(FIRE_LANE, SILENT).replace(
        "fire-lane.mp4,60", f"rtsp://127.0.0.1:{free_ports(1)[0]}/x,5"
    )
    parking = fire_lane.replace(FIRE_LANE, CAR_PARK).replace("fire-lane.mp4", "cars.mp4")
    (folder / "cameras.csv").write_text("\n".join([head, fire_lane, silent, parking]) + "\n")
    today = datetime.now(load(demo).timezone).date()
    zone = (demo / "scenes.toml").read_text().split("[[zone]]")[1].replace("dwell_s = 15", "dwell_s = 3")
    rule = plates.rule(CAR_PARK, ASKED, "案件 7", today)
    (folder / "scenes.toml").write_text(f"[[zone]]{zone}{rule}")
    return folder


@pytest.fixture(scope="module")
def surroundings(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What video is told here besides."""
    city = package(demo, tmp_path_factory.mktemp("cameras") / "city")
    return {"GEWU_CITY": str(city), "GEWU_CAMERA_LOOP": "no", "GEWU_MODELS": plates.models()}


@pytest.fixture(scope="module")
async def watched(stack: Stack, surroundings: dict[str, str]) -> AsyncIterator[Stack]:
    """The run's Gewu, whose video service watches these cameras, and whose dispatch knows the rule; afterwards as it was."""
    await stack.end("video")
    await stack.end("dispatch")
    await stack.launch("dispatch", {"GEWU_CITY": surroundings["GEWU_CITY"]})
    clips.draw(stack.clips / "fire-lane.mp4", 25.0, (210, 120), (5.0, 20.0))
    if plates.are_there():
        plates.draw(stack.clips / "cars.mp4")
    await stack.launch("video", surroundings)
    yield stack
    await stack.end("video")
    for clip in stack.clips.iterdir():
        clip.unlink()
    await stack.launch("video")
    await stack.end("dispatch")
    await stack.launch("dispatch")


def kafka(stack: Stack) -> Kafka:
    """Its settings."""
    return Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")


async def signals(stack: Stack, camera: str) -> list[Signal]:
    """What video said of this camera, on whichever lane; other tests speak in its name as well."""
    found = []
    for topic in topics.registry([])[: len(Lane)]:
        for n in range(topic.partitions):
            records = await log.read(kafka(stack), topic.name, n)
            found += log.messages([r for r in records if ("ce_source", b"gewu/video") in r.headers], Signal)
    return [s for s in found if s.source == f"camera:{camera}"]


async def test_a_car_in_a_fire_lane_reaches_the_department_of_that_estate(watched: Stack) -> None:
    async def told() -> list[Assignment]:
        said = [r for n in range(2) for r in await log.read(kafka(watched), topics.dispatch("housing-works"), n)]
        here = [
            a
            for a in log.messages(said, Assignment)
            if (round(a.case.point.lon, 6), round(a.case.point.lat, 6)) == (83.013975, 39.008682)
        ]
        return [a for a in here if a.case.category == "matter:09012"]

    assert len(await until(told, 60.0, "the fire lane's case")) == 1
    (said,) = await signals(watched, FIRE_LANE)
    assert (said.detection.rule_id, said.detection.category) == ("fire-lane-zhifang", "matter:09012")
    assert 3.0 <= (said.observed_at.ToDatetime() - said.detection.since.ToDatetime()).total_seconds() < 10.0


async def test_a_camera_that_shows_nothing_is_a_fault_of_the_device_and_a_case_of_its_supplier(watched: Stack) -> None:
    async def said() -> list[Signal]:
        return await signals(watched, SILENT)

    (found,) = await until(said, 30.0, "the silent camera")
    assert found.fault.device == f"camera:{SILENT}" and found.fault.category == "device:camera"
    assert found.fault.trouble == DEVICE_TROUBLE_SILENT
    assert found.client_id == f"silent:{found.fault.since.ToMicroseconds()}"
    assert await _metric(watched, 'gewu_video_cameras{sight="silent"}') == 1

    async def told() -> list[Assignment]:
        heard = [r for n in range(2) for r in await log.read(kafka(watched), topics.dispatch("telecom"), n)]
        return [a for a in log.messages(heard, Assignment) if a.case.case_id == ids.case_id(found.signal_id)]

    (assigned,) = await until(told, 30.0, "the supplier's case")
    assert assigned.case.category == "device:camera" and assigned.case.routing.rule_id == "own-camera"


@pytest.mark.skipif(not plates.are_there(), reason=plates.NEEDS)
async def test_an_asked_plate_travels_sealed_and_of_another_nothing_is_left_anywhere(watched: Stack) -> None:
    async def said() -> list[Signal]:
        return await signals(watched, CAR_PARK)

    (found,) = await until(said, 60.0, "the plate that a rule names")
    private = Opener.read(watched.data / "secrets" / secrets_folder.PRIVATE)
    opened = private.open(Sealed(found.detection.plate.key_id, found.detection.plate.box))
    assert opened is not None
    plate = Plate.FromString(opened)
    assert (plate.text, plate.signal_id, found.detection.rule_id) == (ASKED, found.signal_id, "stolen-7")

    async def kept() -> Any:
        return await rows(watched, "SELECT * FROM dispatch.plates WHERE signal_id = $1", found.signal_id)

    ((box, rule, camera),) = [(r["box"], r["rule_id"], r["camera_id"]) for r in await until(kept, 30.0, "the kept box")]
    assert (box, rule, camera) == (found.detection.plate.box, "stolen-7", CAR_PARK)

    async def played() -> bool:
        return await _metric(watched, 'gewu_video_cameras{sight="ended"}') == 2

    await until(played, 60.0, "the clips' ends")
    stores = await _everything(watched)
    assert len(stores) > 10 and any(f"camera:{CAR_PARK}".encode() in data for data in stores.values())
    for secret in (ASKED, CANARY):
        assert [(place, form) for place, data in stores.items() for form in forms(secret) if form in data] == []
    assert [place for place, data in stores.items() if shows_a_picture(data)] == []


@pytest.mark.skipif(not plates.are_there(), reason=plates.NEEDS)
async def test_a_rule_that_suspended_itself_is_not_in_force_when_video_is_started_again(
    watched: Stack, surroundings: dict[str, str]
) -> None:
    before = await signals(watched, CAR_PARK)
    suspension = RuleSuspended(rule_id="stolen-7", seen=21, matched=6).SerializeToString()
    await log.put(kafka(watched), topics.SUSPENDED, [(b"stolen-7", suspension, [])])
    await watched.end("video")
    clips.draw(watched.clips / "fire-lane.mp4", 1.0, (210, 120), (0.5, 1.0))
    await watched.launch("video", surroundings)

    async def played() -> bool:
        return await _metric(watched, 'gewu_video_cameras{sight="ended"}') == 2

    await until(played, 60.0, "the clips' ends")
    assert await signals(watched, CAR_PARK) == before
    assert [s for s in await signals(watched, FIRE_LANE) if s.detection.rule_id == "stolen-7"] == []
    assert await _metric(watched, f'gewu_video_pictures_total{{camera="{CAR_PARK}"}}') > 5, (
        "it was watched all the same"
    )


# How files of pictures and films begin, long enough not to stand in a log by chance.
_BEGINS = (
    b"\xff\xd8\xff\xe0\0\x10JFIF", b"\xff\xd8\xff\xdb\0\x43", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"WEBPVP8",
    b"ftypisom", b"ftypmp42", b"ftypavif",
)  # fmt: skip


def shows_a_picture(data: bytes) -> bool:
    """Whether a picture or a film begins somewhere in these bytes."""
    return any(begin in data for begin in _BEGINS)


def test_a_picture_would_be_found() -> None:
    picture = clips.background(np.random.default_rng(1))
    for kind in (".jpg", ".png", ".webp"):
        assert shows_a_picture(b"a log " + cv2.imencode(kind, picture)[1].tobytes())


async def _everything(stack: Stack) -> dict[str, bytes]:
    """Every topic's files, every log, the database's files and the metrics, as bytes."""
    found = {
        str(path): path.read_bytes()
        for name in ("kafka", "postgres", "logs")
        for path in (stack.data / name).rglob("*")
        if path.is_file() and path.stat().st_size and path.suffix not in (".index", ".timeindex")
    }
    async with aiohttp.ClientSession() as session, session.get(f"{stack.services['video'].url}/metrics") as answer:
        found["metrics"] = await answer.read()
    return found


def forms(plate: str) -> Iterator[bytes]:
    """The plate as somebody might keep it: plain, in other alphabets, as a digest, with and without its province."""
    for text in (plate, plate[1:]):
        raw = text.encode()
        digests = [hashlib.new(name, raw).digest() for name in ("md5", "sha1", "sha256", "blake2b", "sha3_256")]
        for data in (raw, text.encode("gbk"), text.encode("utf-16-le"), text.encode("utf-16-be"), *digests):
            yield data
            yield data.hex().encode()
            yield data.hex().upper().encode()
            for shift in range(3):
                # Within a longer text base64 has three ways to write it; the ends depend on what is beside it.
                coded = base64.b64encode(b"\0" * shift + data)
                yield coded[(shift * 8 + 5) // 6 : (shift + len(data)) * 8 // 6]


def test_each_form_of_a_plate_would_be_found() -> None:
    said = b'{"x": "' + base64.b64encode(f"ab{CANARY}c".encode()) + b'"}'
    assert any(form in said for form in forms(CANARY))
    assert any(form in hashlib.sha256(CANARY.encode()).hexdigest().encode() for form in forms(CANARY))
    assert all(len(form) >= 6 for form in forms(CANARY))


async def _metric(stack: Stack, name: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.services['video'].url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name)), -1.0)
