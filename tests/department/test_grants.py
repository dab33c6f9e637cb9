"""On a native Kafka with SCRAM and StandardAuthorizer each login can do what the table of grants says, and nothing else."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest, CreateAclsRequest, ListGroupsRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from gewu import grants, topics
from gewu.city import load
from gewu.dev import access, components, ports
from gewu.dev.services import Service
from gewu.runtime import acls
from gewu.runtime import kafka as runtime
from gewu.runtime.settings import Postgres
from gewu_department import Applied, Assigned, Department, NotAllowed, Settings, accept
from gewu_department.voice import Voice
from tests.department import apis, messages, young_groups
from tests.department.apis import Attempt, Need
from tests.support.locked import MISSING, OPERATOR, LockedKafka

DEMO = Path(__file__).parents[2] / "cities/demo"
# All of the demo city's, and one whose id begins like another's: their groups must not.
DEPARTMENTS = (*load(DEMO).departments, "gas-works")
# Everything of ours that says or hears something, the canary included.
SERVICES = tuple(r for r in sorted({r for t in topics.registry([]) for r in (*t.says, *t.hears)}) if " " not in r)
STRANGER = "stranger"  # has a login and no grant
LOGINS = (*(f"department-{d}" for d in DEPARTMENTS), *(f"gewu-{s}" for s in SERVICES), STRANGER)
PRINCIPALS = grants.Principals()

_NOT_YET = {14, 15, 16}  # a coordinator that is still reading its log

NOT_TRIED = {
    17: "comes before the login", 18: "tells versions, to everybody", 36: "is the login", 60: "tells the brokers, to everybody",
    26: "tried as EndTxn of the transaction that nobody may begin",
    27: "between brokers", 55: "of the controllers", 80: "of the controllers", 81: "of the controllers",
    38: "tokens are off: no secret for them is set", 39: "tokens are off", 40: "tokens are off", 41: "tokens are off",
    35: "its answer to who may not is an empty list: test_what_is_listed_is_ones_own",
    16: "its answer is cut to what one may see: test_what_is_listed_is_ones_own",
    66: "its answer to who may not is an empty list",
}  # fmt: skip


@pytest.fixture(scope="module")
async def locked(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> AsyncIterator[LockedKafka]:
    """The broker, with the topics of the demo city and of one more department, and with the grants that `apply` makes."""
    try:
        made = LockedKafka(tmp_path_factory.mktemp("locked"), LOGINS)
    except FileNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip(MISSING)
    async with made:
        registry, operator = _registry(demo), made.kafka(OPERATOR)
        assert await runtime.apply(registry, operator) == []
        left = await acls.apply(*_wanted(registry), PRINCIPALS, operator)
        assert left == acls.Standing((), (), ())
        yield made


def _registry(_: Path) -> tuple[topics.Topic, ...]:
    return topics.registry(DEPARTMENTS)


def _wanted(registry: Iterable[topics.Topic]) -> tuple[tuple[grants.Grant, ...], frozenset[str]]:
    registry = [*registry]
    return grants.table(registry, PRINCIPALS), grants.principals_of(registry, PRINCIPALS)


def _all(registry: Iterable[topics.Topic]) -> list[str]:
    """Every topic; one of Kafka's own, and one that is not there."""
    return [*(t.name for t in registry), "__consumer_offsets", "nowhere"]


def _allowed(table: Iterable[grants.Grant], login: str, needs: Iterable[Need]) -> bool:
    own = [g for g in table if g.principal == f"User:{login}"]

    def has(resource: int, name: str, operation: int) -> bool:
        return any(
            (g.resource, g.operation) == (resource, operation)
            and (name.startswith(g.name) if g.prefixed else name == g.name)
            for g in own
        )

    return all(has(*need) for need in needs)


async def _client(locked: LockedKafka, login: str, **words: Any) -> AIOKafkaClient:
    client = AIOKafkaClient(
        bootstrap_servers=locked.server.bootstrap, request_timeout_ms=10_000, **{**locked.login(login), **words}
    )
    await client.bootstrap()
    return client


async def _tried(client: AIOKafkaClient, attempts: list[Attempt]) -> list[bool]:
    """Whether each attempt was let through; what then came of it is no matter."""

    async def one(attempt: Attempt) -> bool:
        while True:
            said = messages.codes(await client.send(client.get_random_node(), attempt.request()))
            if not said & _NOT_YET:
                return not said & apis.DENIED
            await asyncio.sleep(0.1)

    found: list[bool] = []
    for n in range(0, len(attempts), 50):
        found += await asyncio.gather(*(one(a) for a in attempts[n : n + 50]))
    return found


def _attempts(login: str, names: list[str]) -> list[Attempt]:
    groups = [f"department.{d}.desk" for d in DEPARTMENTS] + [f"gewu-{s}-p0" for s in SERVICES] + ["somebodys"]
    own_acl = (2, names[0], 3, f"User:{login}", "*", 2, 3)
    return [
        *(a for t in names for a in apis.of_topic(t)),
        *(a for g in groups for a in (*apis.of_group(g, names), *young_groups.of_group(g, names))),
        *apis.of_cluster(own_acl),
        *young_groups.of_cluster(),
    ]


@pytest.mark.parametrize("login", LOGINS)
async def test_what_a_login_can_do_is_what_the_table_says(locked: LockedKafka, demo: Path, login: str) -> None:
    registry = _registry(demo)
    table, names = grants.table(registry, PRINCIPALS), _all(registry)
    attempts = _attempts(login, names)
    client = await _client(locked, login)
    try:
        passed = await _tried(client, attempts)
    finally:
        await client.close()
    worked = {(a.name, a.needs) for a, let in zip(attempts, passed, strict=True) if let}
    wanted = {(a.name, a.needs) for a in attempts if _allowed(table, login, a.needs)}
    assert worked == wanted
    assert bool(wanted) == (login != STRANGER) and len(attempts) > 3000
    after = await acls.compare(*_wanted(registry), PRINCIPALS, locked.kafka(OPERATOR))
    assert after == acls.Standing((), (), ()), "nothing of it changed a grant"


async def test_every_api_of_the_broker_is_tried_or_named(locked: LockedKafka, demo: Path) -> None:
    client = await _client(locked, OPERATOR)
    try:
        answer = await client.send(client.get_random_node(), ApiVersionRequest())
    finally:
        await client.close()
    tried = {a.request().API_KEY for a in _attempts(STRANGER, ["x"])} | {InitProducerIdRequest.API_KEY}
    there = {key for key, *_ in answer.api_versions}
    assert there - tried - NOT_TRIED.keys() == set(), "a newer broker can do more"
    assert len(tried & there) > 35


@pytest.mark.parametrize("login", LOGINS)
async def test_what_is_listed_is_ones_own(locked: LockedKafka, login: str) -> None:
    client = await _client(locked, login)
    try:
        node = client.get_random_node()
        seen = {name for name, *_ in (await client.send(node, ListGroupsRequest())).groups}
        idempotent = await client.send(node, InitProducerIdRequest(None, 5000))
        everything = await client.fetch_all_metadata()
    finally:
        await client.close()
    if login == STRANGER:
        assert (seen, set(everything.topics())) == (set(), set()) and idempotent.error_code == 31
        return
    role = login.replace("department-", "department:").removeprefix("gewu-")
    assert {g for g in seen if not g.startswith(topics.group_prefix(role))} == set()
    assert set(everything.topics()) == {g.name for g in grants.table(_known(everything, role), PRINCIPALS)
                                        if g.principal == f"User:{login}" and g.resource == apis.TOPIC}  # fmt: skip


def _known(_: Any, role: str) -> list[topics.Topic]:
    return [t for t in topics.registry(DEPARTMENTS) if role in (*t.says, *t.hears)]


async def test_who_has_no_login_or_a_wrong_password_gets_no_answer_at_all(locked: LockedKafka) -> None:
    for words in (
        {"security_protocol": "PLAINTEXT"}, {"security_protocol": "SSL"}, {"sasl_plain_password": "guessed"},
        {"sasl_plain_username": "nobody"},
    ):  # fmt: skip
        with pytest.raises((KafkaError, OSError)):
            await (await _client(locked, "department-gas", **words)).close()


async def test_apply_takes_back_what_the_table_does_not_have_and_leaves_strangers_alone(
    locked: LockedKafka, demo: Path
) -> None:
    operator, wanted = locked.kafka(OPERATOR), _wanted(_registry(demo))
    given = {
        "User:department-gas": "too much", "User:department-gone": "not in the package any more", "User:stranger": "not ours",
    }  # fmt: skip
    admin = AIOKafkaAdminClient(bootstrap_servers=locked.server.bootstrap, **locked.login(OPERATOR))
    await admin.start()
    try:
        for principal in given:
            answer = await admin._send_request(CreateAclsRequest(2, "cases.changed", 3, principal, "*", 3, 3))
            assert messages.codes(answer) == {0}
        await asyncio.sleep(0.2)
        found = await acls.compare(*wanted, PRINCIPALS, operator)
        assert found and [str(e) for e in found.extra] == [
            "User:department-gas Read topic cases.changed", "User:department-gone Read topic cases.changed",
        ]  # fmt: skip
        looks = [a for a in apis.of_topic("cases.changed") if a.name == "Fetch"]
        gas = await _client(locked, "department-gas")
        assert await _tried(gas, looks) == [True], "a right too many is seen by the trial"
        assert await acls.apply(*wanted, PRINCIPALS, operator) == acls.Standing((), (), ())
        assert await _tried(gas, looks) == [False]
        await gas.close()
        everybody = CreateAclsRequest(2, "cases.changed", 3, "User:*", "*", 3, 3)
        await admin._send_request(everybody)
        await asyncio.sleep(0.2)
        left = await acls.apply(*wanted, PRINCIPALS, operator)
        assert left and [str(e) for e in left.open] == ["User:* Read topic cases.changed"], (
            "named, and left to a person"
        )
        await admin._send_request(acls._Delete(left.open))
    finally:
        await admin.close()


async def test_only_an_operators_login_may_see_or_make_grants(locked: LockedKafka, demo: Path) -> None:
    with pytest.raises(KafkaError, match="super users"):
        await acls.apply(*_wanted(_registry(demo)), PRINCIPALS, locked.kafka("gewu-dispatch"))


async def test_brokers_that_ask_nobody_are_told_from_those_that_lack_grants(kafka: Any, demo: Path) -> None:
    assert await acls.apply(*_wanted(_registry(demo)), PRINCIPALS, kafka) is None


def test_a_departments_groups_are_no_others() -> None:
    assert not topics.department_group("gas-works", "desk").startswith(topics.group_prefix("department:gas"))
    assert topics.group_prefix("dispatch") == "gewu-dispatch-"


def test_principals_may_be_named_otherwise() -> None:
    named = grants.Principals("User:CN={service}", "User:CN=dep {department},O=City")
    table = grants.table(topics.registry(["gas"]), named)
    assert {g.principal for g in table if "dep" in g.principal} == {"User:CN=dep gas,O=City"}
    assert named.is_departments("User:CN=dep gas,O=City") and not named.is_departments("User:CN=gas")
    for wrong in ("User:gewu", "{service}"):
        with pytest.raises(ValueError, match="must look like"):
            replace(named, service=wrong)


def _gewu(kafka: Any, demo: Path, *words: str, folder: Path) -> Any:
    said = {
        "GEWU_KAFKA_BOOTSTRAP": kafka.bootstrap, "GEWU_CITY": str(demo), "GEWU_KAFKA_CA_FILE": str(kafka.ca_file or ""),
        "GEWU_KAFKA_USER_FILE": str(kafka.user_file or ""), "GEWU_KAFKA_PASSWORD_FILE": str(kafka.password_file or ""),
    }  # fmt: skip
    command = [Path(sys.executable).with_name("gewu"), "topics", *words]
    return subprocess.run(command, env={**os.environ, **said}, cwd=folder, capture_output=True, text=True)


async def test_the_command_makes_grants_says_what_it_did_and_who_may_do_it(
    locked: LockedKafka, demo: Path, tmp_path: Path
) -> None:
    operator = locked.kafka(OPERATOR)
    # The package does not know gas-works any more.
    looked = _gewu(operator, demo, "apply", "--dry-run", folder=tmp_path)
    assert looked.returncode == 1 and "would be taken back: User:department-gas-works Write" in looked.stdout
    done = _gewu(operator, demo, "apply", "--json", folder=tmp_path)
    assert done.returncode == 0 and len(json.loads(done.stdout)["grants"]["taken_back"]) == 6 + 7, (
        done.stdout + done.stderr
    )
    again = _gewu(operator, demo, "apply", folder=tmp_path)
    assert again.returncode == 0 and "grants, all as the table says" in again.stdout
    refused = _gewu(locked.kafka("gewu-dispatch"), demo, "apply", folder=tmp_path)
    assert refused.returncode == 1 and "Kafka refused" in refused.stderr and "Traceback" not in refused.stderr
    listed = _gewu(operator, demo, "grants", "--json", folder=tmp_path)
    own = [g for g in json.loads(listed.stdout) if g["principal"] == "User:department-gas"]
    assert [(g["operation"], g["resource"], g["name"]) for g in own] == [
        ("Write", "topic", "actions.gas"), ("Describe", "topic", "actions.gas"), ("Read", "topic", "dispatch.gas"),
        ("Describe", "topic", "dispatch.gas"), ("Read", "group", "department.gas.*"), ("Describe", "group", "department.gas.*"),
    ]  # fmt: skip
    wrong = _gewu(operator, demo, "grants", "--service-principal", "User:x", folder=tmp_path)
    assert wrong.returncode == 2 and "must look like" in wrong.stderr
    # As before for the tests that follow.
    await acls.apply(*_wanted(_registry(demo)), PRINCIPALS, operator)


async def test_the_command_says_where_nobody_is_held_to_grants(kafka: Any, demo: Path, tmp_path: Path) -> None:
    done = _gewu(kafka, demo, "apply", folder=tmp_path)
    assert done.returncode == 0 and "the brokers have no authorizer" in done.stdout


async def _started(locked: LockedKafka, database: Postgres, demo: Path, folder: Path) -> dict[str, Service]:
    """Every service and the canary, each with its own login, ready: of the canary, that a drill of it came through."""
    made = [*components.services(), components.component("canary")]
    assert {c.name for c in made} == set(SERVICES)
    found = {
        c.name: Service(c, c.name, port, folder) for c, port in zip(made, ports.free_ports(len(made)), strict=True)
    }
    for name, service in found.items():
        if name == "canary":
            await asyncio.gather(*(s.until_ready(60.0) for s in found.values() if s is not service))
        own = locked.kafka(f"gewu-{name}")
        places = {
            "kafka": own.bootstrap, "postgres": database.dsn, "city": str(demo), "secrets": str(folder / "secrets"),
            "mqtt": "", "mqtt_version": "5.0", "mqtt_login": str(folder / "secrets" / "mqtt"), "clips": "", "models": "",
            "camera_networks": "127.0.0.0/8", "camera_logins": "", "canary_key": str(folder / "secrets/canary.key"),
            "pictures": str(folder / "pictures"), "host": ports.LOOPBACK, "port": str(service.port), "instance": f"locked-{name}",
            **{f"{n}_url": s.url for n, s in found.items()},
        }  # fmt: skip
        login = {
            "GEWU_KAFKA_CA_FILE": own.ca_file, "GEWU_KAFKA_USER_FILE": own.user_file,
            "GEWU_KAFKA_PASSWORD_FILE": own.password_file,
        }  # fmt: skip
        known = {k: v for k, v in service.component.variables(places).items() if not k.startswith("GEWU_MQTT_")}
        await service.spawn({**known, **{k: str(v) for k, v in login.items()}})  # without a bridge
    await found["canary"].until_ready(60.0)
    return found


async def test_a_report_goes_its_way_where_everybody_comes_in_by_a_login(
    locked: LockedKafka, database: Postgres, demo: Path, tmp_path: Path
) -> None:
    keys = access.prepare(tmp_path / "secrets")
    access.prepare_receivers(tmp_path / "secrets", demo)
    key = tmp_path / "key"
    key.write_text(keys.ops_key)
    where = load(demo).owners.shapes[3].representative_point()
    started = await _started(locked, database, demo, tmp_path)
    intake, dispatch = started["intake"], started["dispatch"]
    try:
        words = {"category": "gas", "place": {"lon": where.x, "lat": where.y}}
        bearer = {"authorization": f"Bearer {keys.report_key}"}
        async with (
            aiohttp.ClientSession(headers=bearer) as session,
            session.post(f"{intake.url}/v1/reports", json=words) as answer,
        ):
            assert answer.status == 202, await answer.text()
        own = Settings(
            "gas", locked.kafka("department-gas"), "way", dispatch_url=dispatch.url, key_file=key, from_list=False
        )
        async with Department(own) as desk, asyncio.timeout(40):
            event = await anext(aiter(desk))
            assert isinstance(event, Assigned) and event.case.department == "gas"
            taken = await desk.say(accept(event.case_id))
            assert await desk.outcome(taken, 10.0) == Applied()
    finally:
        assert {await s.stop() for s in started.values()} == {0}


async def test_another_departments_program_neither_hears_nor_speaks(locked: LockedKafka) -> None:
    stolen = Settings("gas", locked.kafka("department-fire"), from_list=False)
    with pytest.raises(KafkaError, match="AuthorizationFailed"):
        async with asyncio.timeout(20), Department(stolen) as desk:
            await anext(aiter(desk))
    with pytest.raises(NotAllowed, match=r"may not write to actions\.gas"):
        await Voice(stolen).say(accept("c"))
