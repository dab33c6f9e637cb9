"""docker-compose.yml is the launcher's table in containers: current, lawful by its schema, and safe; and each check trips."""

import copy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose import files
from deploy.compose.places import Missing
from gewu.dev.components import COMPONENTS, Component, Kind, component, services
from tests.containers import rules

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
File = dict[str, Any]


@pytest.fixture
def committed() -> File:
    """A copy of what docker-compose.yml says, to be spoilt."""
    return yaml.safe_load(COMPOSE.read_text())


def differing(table: tuple[Component, ...] = COMPONENTS) -> list[str]:
    """Files that are not as this table of components makes them."""
    made = files.texts(table)
    return [str(p.relative_to(ROOT)) for p, text in made.items() if not p.exists() or p.read_text() != text]


def test_the_committed_files_are_those_that_the_table_makes() -> None:
    assert differing() == [], "`make compose` writes them anew"


def test_a_change_in_the_table_is_found() -> None:
    changed = replace(component("intake"), environment={**component("intake").environment, "GEWU_RATE": "100"})
    assert differing(tuple(changed if c.name == "intake" else c for c in COMPONENTS)) == ["docker-compose.yml"]
    moved = replace(component("dispatch"), port=18081)
    table = tuple(moved if c.name == "dispatch" else c for c in COMPONENTS)
    assert differing(table) == ["docker-compose.yml", "services/dispatch/Dockerfile"]
    assert differing(tuple(c for c in COMPONENTS if c.name != "topics")) == ["docker-compose.yml"]


def test_every_component_is_there(committed: File) -> None:
    there = set(committed["services"])
    assert {c.name for c in COMPONENTS if c.name != "migrate" and not c.demo} <= there and "canary" in there
    assert not {c.name for c in COMPONENTS if c.demo} & there
    assert {"pod", "secrets", "migrate-dispatch", "prometheus", "alertmanager", "grafana"} <= there


def test_a_server_without_an_image_is_refused() -> None:
    table = (*COMPONENTS, Component("teleprinter", Kind.SERVER, "prints", port=7000))
    with pytest.raises(Missing, match=r"the server teleprinter has no image: add one to servers\(\)"):
        files.texts(table)


def test_a_place_that_no_container_has_is_refused() -> None:
    asks = replace(component("intake"), environment={"GEWU_X": "{attic}/x"})
    with pytest.raises(Missing, match=r"intake asks for \{attic\}: say in deploy/compose/places.py"):
        files.texts((*(c for c in COMPONENTS if c.name != "intake"), asks))


def test_a_service_without_a_port_is_refused() -> None:
    with pytest.raises(Missing, match="intake has no port"):
        files.texts((*(c for c in COMPONENTS if c.name != "intake"), replace(component("intake"), port=None)))


def test_a_new_service_comes_in_by_itself() -> None:
    new = replace(component("intake"), name="video", command=("python", "-m", "gewu_video"), port=18099, environment={
        "GEWU_KAFKA_BOOTSTRAP": "{kafka}", "GEWU_HTTP_PORT": "{port}", "GEWU_KAFKA_INSTANCE": "{instance}",
        "GEWU_CAMERA_FILES": "{clips}", "GEWU_MODELS": "{models}",
    })  # fmt: skip
    made = files.texts((*(c for c in COMPONENTS if c.name != "video"), new))
    file = yaml.safe_load(made[COMPOSE])
    video = file["services"]["video"]
    assert video["image"].startswith("gewu-video:") and "127.0.0.1:18099:18099" in file["services"]["pod"]["ports"]
    assert set(video["depends_on"]) == {"pod", "kafka", "topics"} and "postgres-password" not in str(video)
    assert video["environment"]["GEWU_KAFKA_INSTANCE"] == "compose-video"
    assert {"clips", "models"} <= set(file["volumes"]) and video["environment"][
        "GEWU_MODELS"
    ] == "${GEWU_MODELS:+/models}"
    assert '"gewu_video"]' in made[ROOT / "services/video/Dockerfile"]
    assert all(rule(file) == [] for rule in rules.RULES)


def test_what_only_a_machine_of_ones_own_may_have_is_not_there(committed: File) -> None:
    given = {name for c in COMPONENTS for name in c.at_home}
    assert "GEWU_WEBHOOK_LOOPBACK" in given
    assert not given & {name for s in committed["services"].values() for name in s.get("environment", {})}


def test_the_canary_waits_for_who_it_asks_has_its_own_key_and_opens_no_port(committed: File) -> None:
    canary = committed["services"]["canary"]
    assert {"intake", "dispatch", "kafka", "topics", "secrets"} <= set(canary["depends_on"])
    assert canary["environment"]["GEWU_CANARY_KEY_FILE"] == "/passwords/canary/key"
    assert not [mount for mount in canary["volumes"] if mount.startswith(("secrets:", "postgres"))]
    assert canary["environment"]["GEWU_HTTP_HOST"] == "127.0.0.1"
    assert not [port for port in committed["services"]["pod"]["ports"] if str(component("canary").port) in port]


def test_a_camera_outside_this_machine_is_opened_only_where_its_network_is_named(committed: File) -> None:
    video = committed["services"]["video"]["environment"]
    assert video["GEWU_CAMERA_NETWORKS"] == "${GEWU_CAMERA_NETWORKS:-127.0.0.0/8}"
    assert video["GEWU_CAMERA_LOGINS_FILE"] == "/passwords/cameras/logins.json"


# The schema


def against_schema(path: Path) -> str:
    """What the schema of the Compose specification, as check-jsonschema carries it, has against a file; "" for nothing."""
    done = subprocess.run(
        [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", path],
        capture_output=True, text=True,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_schema_has_nothing_against_it() -> None:
    assert against_schema(COMPOSE) == ""


def test_an_unknown_word_and_a_wrong_form_are_found_by_the_schema(committed: File, tmp_path: Path) -> None:
    committed["services"]["kafka"]["healthchek"] = committed["services"]["kafka"].pop("healthcheck")
    committed["services"]["intake"]["depends_on"]["kafka"] = {"condition": "service_well"}
    (tmp_path / "spoilt.yml").write_text(yaml.safe_dump(committed))
    found = against_schema(tmp_path / "spoilt.yml")
    assert "healthchek" in found and "intake" in found


# The rules


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda r: r.__name__)
def test_the_rule_holds(rule: Callable[[File], list[str]], committed: File) -> None:
    assert rule(committed) == []


def _set(path: str, value: object) -> Callable[[File], None]:
    def spoil(services: File) -> None:
        *way, last = path.split("/")
        for word in way:
            services = services[word]
        services[last] = value

    return spoil


SPOILT = [
    (rules.pinned, _set("kafka/image", "apache/kafka:latest"), "kafka: apache/kafka:latest names no version"),
    (rules.pinned, _set("postgres/image", "postgres"), "postgres: postgres names no version"),
    (
        rules.no_secret_written,
        _set("postgres/environment/POSTGRES_PASSWORD", "gewu"),
        "postgres: POSTGRES_PASSWORD=gewu",
    ),
    (
        rules.no_secret_written,
        _set("grafana/environment/GF_SECURITY_ADMIN_PASSWORD__FILE", "admin"),
        "grafana: GF_SECURITY_ADMIN_PASSWORD__FILE=admin",
    ),
    (
        rules.no_secret_written,
        _set("dispatch/environment/GEWU_POSTGRES_DSN", "postgresql://gewu:gewu@127.0.0.1/gewu"),
        "dispatch: GEWU_POSTGRES_DSN has a password in its address",
    ),
    (rules.at_home, _set("pod/ports", ["8080:8080"]), "pod: 8080:8080 is open beyond this machine"),
    (
        rules.at_home,
        _set("kafka/network_mode", "bridge"),
        "kafka: is not in the pod's network, where plain text is allowed",
    ),
    (rules.at_home, _set("kafka/ports", ["127.0.0.1:1:1"]), "kafka: publishes ports, which only the pod can"),
    (
        rules.no_port_twice,
        _set("pod/ports", ["127.0.0.1:8080:8080", "127.0.0.1:8080:8081"]),
        "127.0.0.1:8080 is wanted twice",
    ),
    (
        rules.waits_rightly,
        _set("intake/depends_on/zookeeper", {"condition": "service_healthy"}),
        "intake: waits for zookeeper, which is not there",
    ),
    (
        rules.waits_rightly,
        _set("intake/depends_on/topics", {"condition": "service_started"}),
        "intake: waits for topics to be service_started",
    ),
    (
        rules.waits_rightly,
        _set("intake/depends_on/kafka", {"condition": "service_completed_successfully"}),
        "intake: waits for kafka to be service_completed_successfully",
    ),
    (
        rules.waits_rightly,
        _set("intake/depends_on/pod", {"condition": "service_healthy"}),
        "intake: waits for pod, whose health nobody checks",
    ),
    (rules.health_is_checked, lambda services: services["grafana"].pop("healthcheck"), "grafana: has no health check"),
    (
        rules.volumes_are_declared,
        _set("kafka/volumes", ["log:/var/lib/kafka/data"]),
        "kafka: the volume log is not declared",
    ),
    (
        rules.no_secret_in_arguments,
        _set("mqtt/command", ["sh", "-c", 'mosquitto_passwd -b passwords x "$$(cat /passwords/mqtt/password)"']),
        "mqtt: a secret is an argument: $$(cat /passwords/mqtt/password)",
    ),
    (
        rules.no_secret_in_arguments,
        _set("mqtt/healthcheck/test", ["CMD", "mosquitto_sub", "-u", "x", "-P", "guessed"]),
        "mqtt: a secret is an argument: -P guessed",
    ),
    (
        rules.held_by_whom,
        _set("intake/volumes", ["camera-logins:/logins:ro"]),
        "intake: has camera-logins mounted, which is for video",
    ),
    (
        rules.held_by_whom,
        _set("video/volumes", ["canary-key:/passwords/canary:ro"]),
        "video: has canary-key mounted, which is for canary",
    ),
    (rules.held_by_whom, _set("intake/volumes", ["vault:/vault:ro"]), "intake: has vault mounted, which is for nobody"),
    (rules.ours_are_confined, _set("dispatch/read_only", False), "dispatch: is not confined"),
    (rules.ours_are_confined, _set("intake/volumes", ["secrets:/secrets"]), "intake: may write to secrets:/secrets"),
]


@pytest.mark.parametrize(("rule", "spoil", "fault"), SPOILT, ids=lambda v: getattr(v, "__name__", None))
def test_the_rule_trips(
    rule: Callable[[File], list[str]], spoil: Callable[[File], object], fault: str, committed: File
) -> None:
    file = copy.deepcopy(committed)
    spoil(file["services"])
    assert fault in rule(file)


def test_every_rule_was_seen_to_trip() -> None:
    assert {rule for rule, _, _ in SPOILT} == set(rules.RULES)


# Beside it


def test_prometheus_scrapes_every_service_where_the_pod_has_it() -> None:
    folder = ROOT / "deploy/prometheus"
    jobs = {job["job_name"] for job in yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]}
    watched = [*services(), component("canary")]
    assert jobs == {c.name for c in watched}
    for c in watched:
        (target,) = yaml.safe_load((folder / f"targets/{c.name}.yml").read_text())
        assert target["targets"] == [f"localhost:{c.port}"]


def test_what_is_mounted_of_this_repository_is_there(committed: File) -> None:
    mounts = [mount for s in committed["services"].values() for mount in s.get("volumes", [])]
    ours = {mount.partition(":")[0] for mount in mounts if mount.startswith("./")}
    assert len(ours) >= 4 and all((ROOT / path).is_dir() for path in ours)
    assert any(mount.startswith("${GEWU_CITY:-./cities/demo}:") for mount in mounts) and (ROOT / "cities/demo").is_dir()
