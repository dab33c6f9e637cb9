"""`gewu topics apply` and `gewu parked` against a real Kafka."""

import asyncio
import json
from itertools import count
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from gewu import codec, topics
from gewu.errors import Never, Why
from gewu.lane import Lane
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime import parking
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.settings import Kafka
from gewu.v1.signal_pb2 import Signal
from tests.cli.running import Gewu, env_file
from tests.support import log

Headers = list[tuple[str, bytes | None]]
SOURCE = topics.signals(Lane.P3)
PARKING = topics.parked("dispatch", SOURCE)
STRANGE: Headers = [("binary", b"\xff\x00\xfe"), ("null", None), ("empty", b""), ("ce_type", b"gewu.v1.signal.report")]
TWICE: Headers = [("a", b"1"), ("a", b"2")]
_partitions = count()


@pytest.fixture
def gewu(gewu: Gewu, kafka: Kafka, tmp_path: Path, demo: Path) -> Gewu:
    """The command with the session's Kafka and the demo city."""
    return Gewu(gewu.capsys, ("--env-file", str(env_file(tmp_path, kafka, CITY=demo))))


async def _park(
    kafka: Kafka, key: bytes | None, value: bytes | None, headers: Headers, why: Why = Why.UNDECODABLE
) -> str:
    """Put a record on the source topic and park it as dispatch would; returns the entry's id."""
    partition = next(_partitions) % 6
    await log.put(kafka, SOURCE, [(key, value, headers)], partition)
    record = (await log.read(kafka, SOURCE, partition))[-1]
    producer = GroupCommit(lambda: kafka_runtime.producer(kafka, "test"), lambda _: 400_000)
    await producer.start()
    await parking.park(producer, "dispatch", record, Never(why, "a test\nsays so"))
    await producer.stop()
    return f"{SOURCE}:{partition}:{record.offset}"


async def _ids(gewu: Gewu, *words: str) -> list[str]:
    return [entry["id"] for entry in json.loads((await gewu.there("parked", "list", "--json", *words)).out)]


@pytest.fixture
async def provisioned(gewu: Gewu) -> None:
    """The demo city's topics are there."""
    ended = await gewu.there("topics", "apply")
    assert ended.code == 0, ended


async def test_apply_makes_every_topic_and_then_has_nothing_to_do(gewu: Gewu, provisioned: None) -> None:
    again = await gewu.there("topics", "apply", "--json")
    found = json.loads(again.out)
    assert again.code == 0 and found["ok"] and found["mended"] == found["left"] == []
    dry = await gewu.there("topics", "apply", "--dry-run")
    assert dry.code == 0 and "all as the registry says" in dry.out


async def test_apply_mends_settings_and_a_dry_run_only_says_so(gewu: Gewu, kafka: Kafka, provisioned: None) -> None:
    wrong = ConfigResource(ConfigResourceType.TOPIC, topics.CASES, configs={"retention.ms": "1000"})
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    await admin.alter_configs([wrong])
    await admin.close()
    await asyncio.sleep(0.5)

    dry = await gewu.there("topics", "apply", "--dry-run")
    assert dry.code == 1 and f"would be mended: {topics.CASES}: retention.ms is 1000" in dry.out
    done = await gewu.there("topics", "apply")
    assert done.code == 0 and f"mended: {topics.CASES}: retention.ms is 1000" in done.out


async def test_a_difference_that_only_a_person_can_mend_is_named_with_what_to_do(
    gewu: Gewu, kafka: Kafka, provisioned: None, tmp_path: Path, demo: Path
) -> None:
    import shutil

    city = tmp_path / "city"
    shutil.copytree(demo, city)
    with (city / "departments.csv").open("a") as departments:
        departments.write("lopsided,歪,Lopsided,\n")
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    await admin.create_topics([NewTopic(topics.dispatch("lopsided"), 5, 1)])
    await admin.close()

    ended = await gewu.there("topics", "apply", "--city", city)
    assert ended.code == 1 and " 1 differences\n" in ended.out, ended
    assert "dispatch.lopsided: partitions is 5, must be 2: records of one key would" in ended.err
    as_json = json.loads((await gewu.there("topics", "apply", "--city", city, "--json")).out)
    assert [(d["topic"], d["fixable"]) for d in as_json["left"]] == [(topics.dispatch("lopsided"), False)]


async def test_topics_apply_without_a_city_ends_with_code_2(gewu: Gewu, kafka: Kafka, tmp_path: Path) -> None:
    bare = Gewu(gewu.capsys, ("--env-file", str(env_file(tmp_path, kafka))))
    ended = await bare.there("topics", "apply")
    assert ended.code == 2 and "--city PATH or GEWU_CITY" in ended.err


async def test_a_parked_record_is_listed_and_shown_with_its_bytes_and_headers(
    gewu: Gewu, kafka: Kafka, provisioned: None
) -> None:
    id_ = await _park(kafka, b"k\x00\xff", b"\xffnot a message", STRANGE)
    assert (
        id_ in await _ids(gewu)
        and id_ in await _ids(gewu, "--topic", SOURCE)
        and id_ in await _ids(gewu, "--topic", PARKING)
    )
    assert id_ not in await _ids(gewu, "--topic", topics.signals(Lane.P2))
    listed = (await gewu.there("parked", "list")).out
    assert f"{id_}" in listed and "undecodable" in listed and "a test says so" in listed
    shown = await gewu.there("parked", "show", id_)
    assert shown.code == 0
    for words in ("binary: 0xff00fe", "null: null", "key: 3 bytes", "6b 00 ff", ".not a message", "no message of ours"):
        assert words in shown.out, words
    found = json.loads((await gewu.there("parked", "show", id_, "--json")).out)
    assert found["value_hex"] == b"\xffnot a message".hex() and ["null", None] in found["headers"]


async def test_a_parked_message_is_shown_as_what_it_says(gewu: Gewu, kafka: Kafka, provisioned: None) -> None:
    message = Signal(signal_id="s-1", source="key:app", client_id="c-1")
    message.report.category = "井盖"
    id_ = await _park(kafka, b"k", message.SerializeToString(), [("ce_type", codec.SIGNAL_REPORT.encode())])
    shown = (await gewu.there("parked", "show", id_)).out
    assert '"category": "井盖"' in shown and '"client_id": "c-1"' in shown and "000000  " in shown


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [(b"\x00k\xff", b"\xff\x00v", STRANGE), (None, b"v", []), (b"k", None, STRANGE), (b"", b"", TWICE)],
    ids=["binary", "no key", "no value", "empty"],
)  # fmt: skip
async def test_a_replay_says_the_original_bytes_again_and_closes_the_entry(
    gewu: Gewu, kafka: Kafka, provisioned: None, key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    id_ = await _park(kafka, key, value, headers)
    partition = int(id_.split(":")[1])
    before = len(await log.read(kafka, SOURCE, partition))

    dry = await gewu.there("parked", "replay", id_, "--dry-run")
    assert dry.code == 0 and f"would be said on {SOURCE}[{partition}]: {id_}" in dry.out
    assert len(await log.read(kafka, SOURCE, partition)) == before and id_ in await _ids(gewu)

    done = await gewu.there("parked", "replay", id_)
    assert done.code == 0 and f"said on {SOURCE}[{partition}]: {id_}" in done.out
    *_, original, again = await log.read(kafka, SOURCE, partition)
    assert (again.key, again.value, tuple(again.headers)) == (key, value, tuple(headers))
    assert (again.key, again.value, again.headers) == (original.key, original.value, original.headers)
    assert id_ not in await _ids(gewu) and id_ in await _ids(gewu, "--all")

    twice = await gewu.there("parked", "replay", id_)
    assert twice.code == 1 and f"replayed already: {id_}" in twice.err
    assert len(await log.read(kafka, SOURCE, partition)) == before + 1


async def test_a_topic_is_replayed_by_reason(gewu: Gewu, kafka: Kafka, provisioned: None) -> None:
    await gewu.there("parked", "replay", "--topic", SOURCE)
    chosen = await _park(kafka, b"a", b"1", [], Why.REFUSED_BY_DATABASE)
    other = await _park(kafka, b"b", b"2", [], Why.UNEXPECTED)
    words = ("parked", "replay", "--topic", SOURCE, "--why", "refused_by_database", "--json")
    assert json.loads((await gewu.there(*words, "--dry-run")).out)["replayed"] == []
    assert json.loads((await gewu.there(*words)).out)["replayed"] == [chosen]
    assert await _ids(gewu, "--topic", SOURCE) == [other]


async def test_a_record_that_is_no_entry_is_passed_over_and_named(gewu: Gewu, kafka: Kafka, provisioned: None) -> None:
    await log.put(kafka, PARKING, [(None, b"x", []), (b"a:b:c", b"x", [])])
    ended = await gewu.there("parked", "list")
    assert ended.code == 0 and ended.err.count("is no entry of this version") == 2


async def test_wrong_words_end_with_a_code_and_say_what_is_right(gewu: Gewu, provisioned: None) -> None:
    unknown = await gewu.there("parked", "show", f"{SOURCE}:0:999999")
    assert unknown.code == 1 and "gewu parked list --all" in unknown.err
    topic = await gewu.there("parked", "list", "--topic", topics.dispatch("water"))
    assert (
        topic.code == 2
        and f"{topics.dispatch('water')} has no parking topic; source topics are {topics.signals(Lane.P0)}" in topic.err
    )
    for words in ([], [f"{SOURCE}:0:0", "--topic", SOURCE], [f"{SOURCE}:0:0", "--why", "empty"]):
        ended = await gewu.there("parked", "replay", *words)
        assert ended.code == 2 and "by ID, or a whole topic with --topic" in ended.err
