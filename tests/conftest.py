"""Real servers for the whole run, started once; a fresh database and fresh topics for each test that asks.

Which ones: an address in the environment, else native, else containers (tests/support/choosing.py).
"""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from gewu.dev import ports
from gewu.dev.kafka import KafkaServer
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.postgres import PostgresServer
from gewu.dev.receiver import PORT, Receiver
from gewu.dev.stack import Stack
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime import migrate
from gewu.runtime.settings import Kafka, Postgres
from gewu.topics import Topic
from tests.support import choosing, shared
from tests.support import servers as of_tests
from tests.support.album import Album, watching
from tests.support.servers import numbers

_LONG_S = 60  # a run whose time anybody asks about


def pytest_report_header() -> list[str]:
    """Which servers this run uses, and whether pictures are judged; who lacks one reads why at the first test that needs it."""
    pictures = shared.says()
    try:
        return [*(choice.says for choice in choosing.chosen().values()), pictures]
    except choosing.NoServers as none:
        return [str(none), pictures]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that should have judged pictures and could not is no green one, whatever it skipped."""
    if shared.is_wrong(shared.lacking(), os.environ) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Said once more at the end, where it is read; and where a long run's time went."""
    if len(spent := _spent(terminalreporter)) > 1 and sum(spent.values()) > _LONG_S:
        terminalreporter.section("seconds by folder")
        terminalreporter.write_line("  ".join(f"{folder} {seconds:.0f}" for folder, seconds in spent.most_common()))
    if missing := shared.lacking():
        terminalreporter.section("pictures were not judged", red=shared.is_wrong(missing, os.environ), yellow=True)
        terminalreporter.write_line(shared.says())


def _spent(reporter: pytest.TerminalReporter) -> Counter[str]:
    spent: Counter[str] = Counter()
    for report in (report for reports in reporter.stats.values() for report in reports):
        if isinstance(report, pytest.TestReport):
            spent["/".join(report.nodeid.partition("::")[0].split("/")[1:-1]) or "tests"] += report.duration
    return spent


@pytest.fixture(scope="session", autouse=True)
def album(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Album]:
    """Every picture that any stack of this run stores. Nobody may be seen on one of them: judged after the last test.

    A whole run that found nothing to judge would prove nothing: it must have stored a picture on which somebody was covered.
    """
    with watching(Album(tmp_path_factory.mktemp("album"))) as made:
        yield made
    assert made.visible() == []
    if _is_whole(request.session) and not shared.lacking():
        assert made.covered, "no stack stored a picture on which anything was covered: nothing was proved"


def _is_whole(session: pytest.Session) -> bool:
    """Whether all tests were asked for, and none has failed by now: who asks for a part may leave pictures out."""
    words = ("keyword", "markexpr", "lf", "deselect", "ignore", "ignore_glob")
    narrowed = any(getattr(session.config.option, word, None) for word in words)
    every = session.config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return every and not narrowed and not session.testsfailed


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[of_tests.Kafka, of_tests.Postgres]]:
    """Kafka and PostgreSQL, real ones, for every test that does not harm them."""
    try:
        kafka, postgres = of_tests.made(choosing.chosen(), tmp_path_factory.mktemp("servers"))
    except choosing.NoServers as none:
        pytest.fail(str(none), pytrace=False)
    try:
        await asyncio.gather(kafka.start(), postgres.start())
        yield kafka, postgres
    finally:
        await asyncio.gather(kafka.stop(), postgres.stop())


@pytest.fixture(scope="session")
def native_servers(servers: tuple[of_tests.Kafka, of_tests.Postgres]) -> tuple[KafkaServer, PostgresServer]:
    """The session's servers where they are ours alone: for who empties or pauses them."""
    if isinstance(servers[0], KafkaServer) and isinstance(servers[1], PostgresServer):
        return servers[0], servers[1]
    pytest.skip("it empties its servers, which only native ones may be asked for")


@pytest.fixture(scope="session")
async def kafka(servers: tuple[of_tests.Kafka, of_tests.Postgres]) -> Kafka:
    """Settings of the session's Kafka."""
    return Kafka(servers[0].bootstrap, None, None, None, 1, 1, "")


@pytest.fixture(scope="session")
async def template(servers: tuple[of_tests.Kafka, of_tests.Postgres]) -> AsyncIterator[str]:
    """A database with every service's schema, to be copied; where the server stays, it and the copies do not."""
    name = f"gewu_t{next(numbers)}"
    owner = await asyncpg.connect(servers[1].dsn())
    try:
        await owner.execute(f"CREATE DATABASE {name}")
        connection = await asyncpg.connect(servers[1].dsn(name))
        for schema, package in migrate.schemas().items():
            await migrate.migrate(connection, schema, migrate.migrations(package))
        await connection.close()
        yield name
        if isinstance(servers[1], PostgresServer):
            return  # its data go with it
        for row in await owner.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", name):
            await owner.execute(f"DROP DATABASE {row['datname']} WITH (FORCE)")
    finally:
        await owner.close()


@pytest.fixture
async def database(servers: tuple[of_tests.Kafka, of_tests.Postgres], template: str) -> Postgres:
    """A database of this test's own, with every service's schema."""
    name = f"{template}_{next(numbers)}"
    connection = await asyncpg.connect(servers[1].dsn())
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    await connection.close()
    return Postgres(servers[1].dsn(name), None, None)


@pytest.fixture
async def topic(kafka: Kafka) -> Topic:
    """A topic of this test's own with one partition, and its parking topic."""
    made = await make_topics(kafka, 1)
    return made[0]


async def make_topics(kafka: Kafka, partitions: int, name: str = "") -> list[Topic]:
    """A topic and its parking topic, both empty."""
    from gewu import topics

    name = name or f"signals.t{next(numbers)}"
    source = Topic(
        name=name, types=(), key="", partition_by="", partitions=partitions, retention=topics.SIGNAL_RETENTION,
        record_bytes=topics.SIGNAL_BYTES, says=(), hears=(), owner="", parking=topics.parked("dispatch", name),
    )  # fmt: skip
    parking = Topic(
        name=topics.parked("dispatch", name), types=(), key="", partition_by="", partitions=1, retention=None,
        record_bytes=source.batch_bytes + topics.PARKING_SLACK, says=(), hears=(), owner="",
    )  # fmt: skip
    assert await kafka_runtime.apply([source, parking], kafka) == []
    return [source, parking]


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> AsyncIterator[Stack]:
    """Servers and services, running: one for all tests that speak to a whole Gewu, with a receiver for its notices.

    Without one they would wait, and after ten minutes of other tests an alert would rightly say so.
    """
    city, port = tmp_path_factory.mktemp("city") / "demo", ports.free_ports(1)[0]
    shutil.copytree(demo, city)
    (city / "receivers.csv").write_text((demo / "receivers.csv").read_text().replace(f":{PORT}/", f":{port}/"))
    made = Stack(tmp_path_factory.mktemp("stack"), city, kafka_settings=QUICK_RETURN, models=shared.models())
    receiver = Receiver(made.data / "secrets" / "receivers")
    try:
        assert await receiver.start(port)
        await made.start()
        yield made
    finally:
        await made.stop()
        await receiver.stop()


@pytest.fixture(scope="session")
def demo() -> Path:
    """The demo city's package."""
    return Path(__file__).parents[1] / "cities" / "demo"
