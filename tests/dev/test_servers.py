"""The native servers: they serve, keep their data, and leave neither a process nor a stranger's process harmed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from gewu.dev import children, jars, ports, processes, rights
from gewu.dev.kafka import KafkaServer
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.postgres import PostgresServer
from gewu.dev.processes import Process

LAUNCHER = Path(__file__).with_name("launcher.py")


async def test_both_serve_and_keep_port_and_data_over_stops_and_kills(tmp_path: Path) -> None:
    kafka, postgres = KafkaServer(tmp_path / "kafka", settings=QUICK_RETURN), PostgresServer(tmp_path / "postgres")
    try:
        await asyncio.gather(kafka.start(), postgres.start())
        before = kafka.bootstrap, postgres.dsn("city")
        await _make_topic(kafka.bootstrap)
        await _produce(kafka.bootstrap, b"one")
        await postgres.create_database("city")
        await postgres.create_database("city")  # a second time is fine
        await _execute(postgres.dsn("city"), "CREATE TABLE seen (n int)", "INSERT INTO seen VALUES (1)")

        await asyncio.gather(kafka.stop(), postgres.stop())
        await asyncio.gather(kafka.start(), postgres.start())
        await _produce(kafka.bootstrap, b"two")
        await _execute(postgres.dsn("city"), "INSERT INTO seen VALUES (2)")

        await asyncio.gather(kafka.kill(), postgres.kill())
        await asyncio.gather(kafka.start(), postgres.start())
        assert (kafka.bootstrap, postgres.dsn("city")) == before
        assert await _consume(kafka.bootstrap, 2) == [b"one", b"two"]
        assert await _fetch(postgres.dsn("city"), "SELECT array_agg(n ORDER BY n) FROM seen") == [1, 2]

        await _assert_a_pause_stops_answers(postgres)
    finally:
        await asyncio.gather(kafka.stop(), postgres.stop())
    assert kafka.pid is None and postgres.pid is None


async def test_a_killed_launcher_leaves_no_process_and_the_next_start_works(tmp_path: Path) -> None:
    family = await asyncio.to_thread(_kill_a_launcher, tmp_path)
    assert len(family) > 5, "Kafka, the postmaster and its workers"
    assert await _gone(family, 10.0), [process for process in family if processes.is_running(process)]

    kafka = KafkaServer(tmp_path / "kafka", settings=QUICK_RETURN)
    async with kafka, PostgresServer(tmp_path / "postgres") as postgres:
        assert await _fetch(postgres.dsn(), "SELECT 1") == 1


async def test_a_leftover_is_ended_by_pid_and_start_time(tmp_path: Path, sleeper: Process) -> None:
    pid_file = tmp_path / "kafka.pid"
    pid_file.write_text(f"{sleeper.pid} {sleeper.start}\n")
    assert await children.end_leftover(pid_file)
    assert not processes.is_running(sleeper)
    assert not pid_file.exists()


async def test_a_reused_pid_is_left_alone(tmp_path: Path, sleeper: Process) -> None:
    pid_file = tmp_path / "kafka.pid"
    pid_file.write_text(f"{sleeper.pid} {sleeper.start - 1}\n")
    assert not await children.end_leftover(pid_file)
    assert processes.is_running(sleeper)


async def test_postgres_starts_over_a_stale_pid_file_that_names_a_living_stranger(
    tmp_path: Path, sleeper: Process
) -> None:
    async with PostgresServer(tmp_path) as postgres:
        assert postgres.pid
    (tmp_path / "data" / "postmaster.pid").write_text(f"{sleeper.pid}\n{tmp_path}/data\n1\n1\n\n127.0.0.1\n")
    (tmp_path / "postgres.pid").write_text(f"{sleeper.pid} {sleeper.start - 1}\n")
    async with PostgresServer(tmp_path) as postgres:
        assert await _fetch(postgres.dsn(), "SELECT 1") == 1
    assert processes.is_running(sleeper)


async def test_a_folder_serves_one_launcher_at_a_time(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path) as first:
        with pytest.raises(children.CannotStart, match="in use by another launcher"):
            await PostgresServer(tmp_path).start()
        assert await _fetch(first.dsn(), "SELECT 1") == 1


async def test_a_port_that_a_stranger_takes_meanwhile_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((ports.LOOPBACK, ports.free_ports(1)[0])) as stranger:
        taken = stranger.getsockname()[1]
        real, calls = ports.free_ports, []

        def first_the_taken_one(count: int) -> tuple[int, ...]:
            calls.append(count)
            return (taken, *real(count - 1)) if len(calls) <= 2 else real(count)

        monkeypatch.setattr(ports, "free_ports", first_the_taken_one)
        async with KafkaServer(tmp_path / "kafka") as kafka, PostgresServer(tmp_path / "postgres") as postgres:
            assert f":{taken}" not in kafka.bootstrap + postgres.dsn()


def test_a_changed_jar_is_refused_by_name(tmp_path: Path) -> None:
    jar = jars.listed(jars.KAFKA_TOOLS)[0]
    changed = tmp_path / "jars" / jars.KAFKA_TOOLS / jar.path
    changed.parent.mkdir(parents=True)
    changed.write_bytes(b"not what was listed")
    with pytest.raises(jars.WrongJar, match=rf"{jar.name} is not the jar of .*: delete .*{jar.name}"):
        jars.class_path(tmp_path, (jars.KAFKA_TOOLS,))


def test_an_additional_jar_is_refused_by_name(tmp_path: Path) -> None:
    added = tmp_path / "jars" / jars.KAFKA_TOOLS / "added-1.0.jar"
    added.parent.mkdir(parents=True)
    added.touch()
    with pytest.raises(jars.WrongJar, match=r"added-1.0.jar is not on the list .*: delete"):
        jars.class_path(tmp_path, (jars.KAFKA_TOOLS,))


def test_a_jar_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEWU_MAVEN", f"http://{ports.LOOPBACK}:{ports.free_ports(1)[0]}/maven2")
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(children.CannotStart, match=r"kafka-tools-4.3.1.jar could not be fetched: .* GEWU_MAVEN"):
        jars.class_path(tmp_path, (jars.KAFKA_TOOLS,))
    assert not list(tmp_path.rglob("*.jar"))


def test_children_start_from_the_main_thread_only(tmp_path: Path) -> None:
    launch = children.Launch(("sleep", "9"), tmp_path / "log", tmp_path / "pid", tmp_path, os.environ)
    with ThreadPoolExecutor(1) as pool, pytest.raises(children.CannotStart, match="main thread"):
        pool.submit(children.Child, launch).result()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop")
@pytest.mark.parametrize("way", [rights.user_namespace, rights.other_user])
def test_root_becomes_somebody_else_and_still_reaches_a_private_folder(tmp_path: Path, way) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "there").touch()
    try:
        seen = subprocess.run(
            ["sh", "-c", "id -u && ls"], cwd=tmp_path, preexec_fn=way().drop, capture_output=True, text=True
        )
    except subprocess.SubprocessError:
        pytest.skip("this machine does not let root do it this way; the other one is used")
    assert seen.stdout.split()[1:] == ["there"]
    assert int(seen.stdout.split()[0]) != 0


@pytest.fixture
def sleeper() -> Iterator[Process]:
    """A process of this test's own."""
    popen = subprocess.Popen(["sleep", "60"], start_new_session=True)
    found = processes.find(popen.pid)
    assert found
    yield found
    popen.kill()
    popen.wait()


def _kill_a_launcher(folder: Path) -> list[Process]:
    """The processes of a launcher that was killed as soon as they were up."""
    with subprocess.Popen([sys.executable, str(LAUNCHER), str(folder)], stdout=subprocess.PIPE, text=True) as launcher:
        try:
            lines = list(iter(launcher.stdout.readline, "ready\n"))
        finally:
            launcher.kill()
    return [Process(*map(int, line.split())) for line in lines]


async def _assert_a_pause_stops_answers(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.dsn(), ssl=False)
    postgres.pause()
    answer = asyncio.ensure_future(connection.fetchval("SELECT 3"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(answer), 0.5)
    postgres.resume()
    assert await asyncio.wait_for(answer, 5.0) == 3
    await connection.close()


async def _make_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("t", num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def _produce(bootstrap: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait("t", value)


async def _consume(bootstrap: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition("t", 0)])
        return [(await asyncio.wait_for(consumer.getone(), 10.0)).value for _ in range(count)]


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn, ssl=False)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def _fetch(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def _gone(family: list[Process], timeout: float) -> bool:
    end = time.monotonic() + timeout
    while any(map(processes.is_running, family)):
        if time.monotonic() > end:
            processes.send(family, signal.SIGKILL)
            return False
        await asyncio.sleep(0.05)
    return True
