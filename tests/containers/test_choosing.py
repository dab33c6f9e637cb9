"""Which servers the tests use: an address, then native, then containers; and what is said of it."""

import asyncio
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.compose import images
from tests.support import servers as of_tests
from tests.support.choosing import WANTED, NoServers, Server, Way, choose, engine_lacks, native_lacks

ROOT = Path(__file__).parents[2]
ADDRESS = {Server.KAFKA: "127.0.0.1:9", Server.POSTGRES: "postgresql://me@127.0.0.1:9/postgres"}
NO_WHEEL, NO_ENGINE = "the package x is not installed", "nobody listens"


def _never() -> str:
    raise AssertionError("it was asked though it had not come to that")


@pytest.mark.parametrize("server", Server)
@pytest.mark.parametrize("native", ["", NO_WHEEL])
@pytest.mark.parametrize("engine", ["", NO_ENGINE])
@pytest.mark.parametrize("wanted", ["", "native", "containers"])
def test_without_an_address_native_goes_before_containers_unless_one_is_demanded(
    server: Server, native: str, engine: str, wanted: str
) -> None:
    variables = {WANTED: wanted} if wanted else {}
    ways = [Way(wanted)] if wanted else [Way.NATIVE, Way.CONTAINERS]
    lacking = {Way.NATIVE: native, Way.CONTAINERS: engine}
    first = next((way for way in ways if not lacking[way]), None)
    if first:
        found = choose(server, variables, lambda: native, lambda: engine)
        assert found.way is first and found.says.startswith(f"{server}: ") and not found.address
        # What was passed over is said, with its reason.
        assert all(lacking[way] in found.says for way in ways[: ways.index(first)])
        assert f"{server.variable} is not set" in found.says
        return
    with pytest.raises(NoServers) as none:
        choose(server, variables, lambda: native, lambda: engine)
    assert all(lacking[way] in str(none.value) for way in ways)
    assert all(
        lacking[way] not in str(none.value) for way in Way if way in lacking and way not in ways and lacking[way]
    )
    assert "make setup" in str(none.value) and server.variable in str(none.value)


@pytest.mark.parametrize("server", Server)
def test_an_address_wins_and_nothing_else_is_asked(server: Server) -> None:
    found = choose(server, {server.variable: ADDRESS[server]}, _never, _never)
    assert (found.way, found.address) == (Way.ADDRESS, ADDRESS[server])
    assert found.says == f"{server}: the one that {server.variable} names"  # a DSN may hold a password


@pytest.mark.parametrize("server", Server)
def test_an_engine_is_not_asked_where_native_serves(server: Server) -> None:
    assert choose(server, {}, lambda: "", _never).way is Way.NATIVE


@pytest.mark.parametrize(("server", "wanted"), list(itertools.product(Server, ["native", "containers"])))
def test_an_address_and_a_demand_contradict_each_other(server: Server, wanted: str) -> None:
    with pytest.raises(NoServers, match=f"{server.variable} and {WANTED}={wanted} contradict"):
        choose(server, {server.variable: "x", WANTED: wanted}, _never, _never)


def test_a_demand_that_is_neither_is_named() -> None:
    with pytest.raises(NoServers, match="'docker' is wrong: it must be native or containers"):
        choose(Server.KAFKA, {WANTED: "docker"}, _never, _never)


def test_an_address_for_one_leaves_the_other_native() -> None:
    variables = {Server.KAFKA.variable: ADDRESS[Server.KAFKA]}
    ways = [choose(server, variables, lambda: "", _never).way for server in Server]
    assert ways == [Way.ADDRESS, Way.NATIVE]


def test_here_native_servers_can_be_had() -> None:
    assert [native_lacks(server) for server in Server] == ["", ""]


def test_where_no_engine_answers_the_client_says_so_at_once() -> None:
    assert "Error while fetching server API version" in engine_lacks({"DOCKER_HOST": "unix:///nowhere/docker.sock"})


def _run(*arguments: str, **variables: str) -> tuple[int, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GEWU_TEST_") and k != "CI"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments], cwd=ROOT,
        env={**clean, **variables}, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


ONE = "tests/runtime/test_postgres.py::test_an_array_is_a_list_and_nothing_else"


def test_a_run_that_demands_containers_without_an_engine_fails_and_says_what_to_do() -> None:
    code, said = _run(ONE, GEWU_TEST_SERVERS="containers", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert (
        code == 1 and "no Kafka for the tests. Tried: GEWU_TEST_KAFKA is not set; containers: no engine answers" in said
    )
    assert "skipped" not in said


async def test_two_runs_on_servers_at_an_address_use_them_and_leave_no_database(
    servers: tuple[of_tests.Kafka, of_tests.Postgres],
) -> None:
    import asyncpg

    kafka, postgres = servers
    addresses = {"GEWU_TEST_KAFKA": kafka.bootstrap, "GEWU_TEST_POSTGRES": postgres.dsn()}
    owner = await asyncpg.connect(postgres.dsn())
    try:
        before = await owner.fetchval("SELECT count(*) FROM pg_database")
        runs = [
            asyncio.to_thread(
                _run, ONE, "tests/delivery/test_relay.py::test_what_is_most_urgent_goes_first", **addresses
            )
            for _ in range(2)
        ]
        for code, said in await asyncio.gather(*runs):
            assert code == 0 and "2 passed" in said, said
            assert "Kafka: the one that GEWU_TEST_KAFKA names" in said and addresses["GEWU_TEST_POSTGRES"] not in said
        assert await owner.fetchval("SELECT count(*) FROM pg_database") == before
    finally:
        await owner.close()


def test_an_address_where_nobody_answers_fails_with_that_address() -> None:
    with pytest.raises(AssertionError, match=r"an answer of 127\.0\.0\.1:9 did not come within"):
        asyncio.run(_started(of_tests.KafkaElsewhere("127.0.0.1:9")))
    with pytest.raises(AssertionError, match=r"an answer of 127\.0\.0\.1 did not come within"):
        asyncio.run(_started(of_tests.PostgresElsewhere("postgresql://me@127.0.0.1:9/postgres")))


async def _started(server: of_tests.KafkaElsewhere | of_tests.PostgresElsewhere) -> None:
    server.patience = 0.5
    await server.start()


def test_containers_are_those_of_the_compose_file_on_this_machines_loopback() -> None:
    kafka, postgres = of_tests.kafka_container(15_000), of_tests.postgres_container(15_001, "drawn")
    ours = images.servers()
    assert (kafka.image, postgres.image) == (ours["kafka"].tag, ours["postgres"].tag)
    assert kafka.environment["KAFKA_ADVERTISED_LISTENERS"] == "CLIENTS://127.0.0.1:15000"
    assert kafka.environment["KAFKA_LISTENERS"] == "CLIENTS://0.0.0.0:15000,CONTROLLER://127.0.0.1:29093"
    assert kafka.environment["KAFKA_BROKER_SESSION_TIMEOUT_MS"] == "2000"
    assert postgres.environment["POSTGRES_PASSWORD"] == "drawn" and "listen_addresses=*" in postgres.command
    assert (kafka.inside, kafka.outside) == (15_000, 15_000) and (postgres.inside, postgres.outside) == (5432, 15_001)


@pytest.mark.skipif(not engine_lacks(), reason="an engine answers here: the containers can be had")
def test_without_an_engine_a_container_says_so_and_nothing_hangs() -> None:
    from docker.errors import DockerException

    with pytest.raises(DockerException, match="Error while fetching server API version"):
        of_tests.kafka_container(15_000).start()
