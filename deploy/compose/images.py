"""Other people's servers as images: what each is told, what it keeps, and how it is asked whether it is well.

Tags name a version each; their digests are not known here, because no registry of images was ever asked. Servers of the
launcher's table are told what the launcher tells its own. Nobody here has run any of these images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gewu.dev import jars, kafka_files, mqtt_files, postgres
from gewu.dev.components import component
from gewu.dev.stack import DATABASE

PYTHON = "python:3.11-slim-bookworm"
USER = "gewu"  # of the database
_CONTROLLER = 29093
_MESSAGE_BYTES = 1024 * 1024
# These are for a server that is a child process beside others: the image has its own place for its socket, which its first
# start needs, and a shared memory of its own.
_NATIVE_ONLY = ("unix_socket_directories", "dynamic_shared_memory_type")


@dataclass(frozen=True, slots=True)
class Image:
    """One server. keeps: volume → where it is mounted; reads: files of this repository → where; published: whether people
    reach its port; secrets: volumes with a password → where; well: the command of its health check."""

    says: str
    tag: str
    well: Sequence[str]
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    keeps: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None  # of those that the launcher's table does not have
    published: bool = False
    starts_s: int = 10
    asked_every_s: int = 5
    further: Mapping[str, Any] = field(default_factory=dict)


def variable(setting: str) -> str:
    """The variable that the image turns into this line of server.properties."""
    return "KAFKA_" + setting.replace("-", "___").replace("_", "__").replace(".", "_").upper()


def kafka_environment(data: Path, client_port: int, controller_port: int) -> dict[str, str]:
    """The launcher's own settings of a single broker, as the image takes them."""
    text = kafka_files.properties(data, client_port, controller_port, _MESSAGE_BYTES, {})
    lines = (line.partition("=") for line in text.splitlines())
    return {variable(name): value for name, _, value in lines}


def _kafka() -> Image:
    port = component("kafka").port or 0
    return Image(
        says=component("kafka").says,
        tag=f"apache/kafka:{jars.KAFKA.removeprefix('kafka-')}",
        environment={
            "CLUSTER_ID": "Z2V3dS1jb21wb3NlLWRlbQ",  # any 16 bytes; no secret
            "KAFKA_HEAP_OPTS": "-Xms512m -Xmx512m",
            **kafka_environment(Path("/var/lib/kafka/data"), port, _CONTROLLER),
        },
        keeps={"kafka": "/var/lib/kafka/data"},
        well=("/opt/kafka/bin/kafka-broker-api-versions.sh", "--bootstrap-server", f"127.0.0.1:{port}"),
        starts_s=30,
        asked_every_s=15,  # each time a Java starts
        further={"stop_grace_period": "60s"},
    )


def _postgres() -> Image:
    told = {name: value for name, value in postgres.SETTINGS.items() if name not in _NATIVE_ONLY}
    return Image(
        says=component("postgres").says,
        tag="postgres:18.4-bookworm",
        command=("postgres", *(word for name, value in told.items() for word in ("-c", f"{name}={value}"))),
        environment={
            "POSTGRES_USER": USER,
            "POSTGRES_DB": DATABASE,
            "POSTGRES_PASSWORD_FILE": "/passwords/postgres/password",
            # Without it the image trusts whoever comes over loopback, which is everybody in the pod.
            "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8",
        },
        secrets={"postgres-password": "/passwords/postgres"},
        keeps={"postgres": "/var/lib/postgresql"},  # of 18 and later: the versions' folders are below it
        # By TCP: while the database is made the server listens on its socket alone, and is not to be called well.
        well=("pg_isready", "-h", "127.0.0.1", "-U", USER, "-d", DATABASE),
        starts_s=30,
        further={"shm_size": "256mb", "stop_grace_period": "60s"},
    )


# The bridge's login is drawn by the step `secrets`; those of sensors are added by hand and stay in the volume. -U hashes a file
# in place, and would hash a second time what is hashed: so the bridge's line is made alone. No password is an argument, which
# every process of the machine could read; the health check finds its own in the file that mosquitto_sub looks for.
_ASKS = "/mosquitto/data/asks"
_MOSQUITTO = f"""\
umask 077
mkdir -p /mosquitto/data/data {_ASKS}
cp /mosquitto/config/acl /mosquitto/data/acl
touch /mosquitto/data/passwords
{{ printf '%s:' {mqtt_files.BRIDGE}; cat /passwords/mqtt/password; }} >/mosquitto/data/fresh
mosquitto_passwd -U /mosquitto/data/fresh
grep -v '^{mqtt_files.BRIDGE}:' /mosquitto/data/passwords >>/mosquitto/data/fresh || true
mv /mosquitto/data/fresh /mosquitto/data/passwords
{{ printf '%s %s\\n' -u {mqtt_files.BRIDGE}; printf '%s ' -P; cat /passwords/mqtt/password; }} >{_ASKS}/mosquitto_sub
chown -R mosquitto:mosquitto /mosquitto/data
exec mosquitto -c /mosquitto/config/mosquitto.conf
"""


def mosquitto_files() -> dict[str, str]:
    """Name → text of what is mounted for Mosquitto: the launcher's own settings and rights."""
    port = component("mqtt").port or 0
    return {
        # Its port is published, so it listens on the pod's outer address; every login has a password and a topic of its own.
        "mosquitto.conf": mqtt_files.settings(Path("/mosquitto/data"), "0.0.0.0", port, user="mosquitto"),
        "acl": mqtt_files.acl(),
    }


def _mosquitto() -> Image:
    port = component("mqtt").port
    asks = f"mosquitto_sub -h 127.0.0.1 -p {port} -t sensors/+/readings -E -W 5"
    return Image(
        says=f"Mosquitto, the sensors' broker, mqtt://127.0.0.1:{port}",
        tag="eclipse-mosquitto:2.0.22",
        command=("sh", "-euc", _MOSQUITTO),
        keeps={"mqtt": "/mosquitto/data"},
        reads={"./deploy/mosquitto": "/mosquitto/config"},
        secrets={"mqtt-password": "/passwords/mqtt"},
        well=("env", f"XDG_CONFIG_HOME={_ASKS}", *asks.split()),
        published=True,
    )


def servers() -> dict[str, Image]:
    """The image of each server in the launcher's table."""
    return {"kafka": _kafka(), "postgres": _postgres(), "mqtt": _mosquitto()}


def watchers() -> dict[str, Image]:
    """What watches the system and has no place in the launcher's table."""
    return {
        "prometheus": Image(
            says="Prometheus: metrics and alerts, http://127.0.0.1:9090",
            tag="prom/prometheus:v3.5.0",
            command=(
                "--config.file=/etc/prometheus/prometheus.yml",
                "--storage.tsdb.path=/prometheus",
                "--storage.tsdb.retention.time=15d",
            ),
            reads={"./deploy/prometheus": "/etc/prometheus"},
            keeps={"prometheus": "/prometheus"},
            well=("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:9090/-/ready"),
            port=9090,
            published=True,
        ),
        "alertmanager": Image(
            says="Alertmanager: what fires, grouped by stage, http://127.0.0.1:9093; it tells nobody until it is given whom",
            tag="prom/alertmanager:v0.28.1",
            # Alone, it needs no port for others of its kind.
            command=(
                "--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager",
                "--cluster.listen-address=",
            ),
            reads={"./deploy/alertmanager": "/etc/alertmanager"},
            keeps={"alertmanager": "/alertmanager"},
            well=("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:9093/-/ready"),
            port=9093,
            published=True,
        ),
        "grafana": Image(
            says="Grafana: the journey of a signal, http://127.0.0.1:3000; user admin, the password is in its volume",
            tag="grafana/grafana:12.1.1",
            environment={
                "GF_SECURITY_ADMIN_PASSWORD__FILE": "/passwords/grafana/password",
                "GF_USERS_ALLOW_SIGN_UP": "false",
                "GF_AUTH_ANONYMOUS_ENABLED": "false",
                "GF_ANALYTICS_REPORTING_ENABLED": "false",
                "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            },
            secrets={"grafana-password": "/passwords/grafana"},
            reads={
                "./deploy/grafana/provisioning": "/etc/grafana/provisioning",
                "./deploy/grafana/dashboards": "/etc/grafana/dashboards",
            },
            keeps={"grafana": "/var/lib/grafana"},
            well=("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:3000/api/health"),
            port=3000,
            published=True,
            starts_s=30,
        ),
    }  # fmt: skip
