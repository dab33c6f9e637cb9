"""What a running Gewu is made of, as data: the launcher starts it from this table.

Environments are patterns over the places that whoever starts a component fills in:
kafka (host:port), postgres (a DSN), mqtt (a URL), mqtt_version and mqtt_login (a path, to which .user and .password are added),
city, secrets, clips, pictures and models (folders; the last may be ""), camera_networks, camera_logins and canary_key (files; the
former may be ""), host, port and instance (of the component itself), and NAME_url for each service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What it is: another's server, a step that ends by itself, a service of ours, or what watches or answers from outside."""

    SERVER = "server"
    STEP = "step"
    SERVICE = "service"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Component:
    """One of them. `command` starts with python or gewu of the environment it runs in; servers have none of ours.

    `port` is its usual one, where nobody needs another.
    """

    name: str
    kind: Kind
    says: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    # Further variables of the launcher, where everything is on this machine and made up: an installation has none of them.
    at_home: Mapping[str, str] = field(default_factory=dict)
    demo: bool = False  # of the demo city's day alone: no installation has it

    def variables(self, places: Mapping[str, str]) -> dict[str, str]:
        """Its environment with the places filled in; KeyError names a place that is missing."""
        return {name: pattern.format_map(places) for name, pattern in self.environment.items()}

    def secrets(self, folder: str) -> dict[str, str]:
        """Those of its variables that name a file of the secrets folder."""
        ours = {name: p for name, p in self.environment.items() if p.startswith("{secrets}/")}
        return {name: pattern.format_map({"secrets": folder}) for name, pattern in ours.items()}


# The same for every program, people's commands included.
COMMON: Mapping[str, str] = {
    "GEWU_KAFKA_BOOTSTRAP": "{kafka}",
    "GEWU_POSTGRES_DSN": "{postgres}",
    "GEWU_CITY": "{city}",
    "GEWU_KEYS_FILE": "{secrets}/keys.json",
    "GEWU_LINK_SECRET_FILE": "{secrets}/link.secret",
    "GEWU_CONTACT_PUBLIC_FILE": "{secrets}/contact-public.json",
    "GEWU_RECEIVER_SECRETS": "{secrets}/receivers",
}


def _common(*names: str) -> dict[str, str]:
    return {f"GEWU_{name}": COMMON[f"GEWU_{name}"] for name in names}


_LISTENS = {
    "GEWU_KAFKA_INSTANCE": "{instance}",
    "GEWU_HTTP_HOST": "{host}",
    "GEWU_HTTP_PORT": "{port}",
    "GEWU_LOG_LEVEL": "info",
}

_SENSORS = {
    "GEWU_MQTT_URL": "{mqtt}",
    "GEWU_MQTT_VERSION": "{mqtt_version}",
    "GEWU_MQTT_USER_FILE": "{mqtt_login}.user",
    "GEWU_MQTT_PASSWORD_FILE": "{mqtt_login}.password",
}

COMPONENTS = (
    Component("kafka", Kind.SERVER, "Apache Kafka, the log", port=9092),
    Component("postgres", Kind.SERVER, "PostgreSQL, cases and books", port=5432),
    Component("mqtt", Kind.SERVER, "the sensors' broker: Mosquitto, or amqtt where that is not installed", port=1883),
    Component(
        "topics", Kind.STEP, "topics as the registry says", ("gewu", "topics", "apply"),
        _common("KAFKA_BOOTSTRAP", "CITY"),
    ),
    Component(
        "migrate", Kind.STEP, "schemas at their newest version", ("gewu", "migrate"),
        _common("POSTGRES_DSN"),
    ),
    Component(
        "intake", Kind.SERVICE, "the doors: takes reports in", ("python", "-m", "gewu_intake"),
        _common("KAFKA_BOOTSTRAP", "CITY", "KEYS_FILE", "LINK_SECRET_FILE", "CONTACT_PUBLIC_FILE")
        | _LISTENS | _SENSORS
        | {"GEWU_STATUS_URL": "{dispatch_url}", "GEWU_PICTURES": "{pictures}", "GEWU_MODELS": "{models}"},
        port=8080,
    ),
    Component(
        "dispatch", Kind.SERVICE, "cases: joins, opens, routes", ("python", "-m", "gewu_dispatch"),
        _common("KAFKA_BOOTSTRAP", "POSTGRES_DSN", "CITY", "KEYS_FILE", "LINK_SECRET_FILE") | _LISTENS
        | {"GEWU_PICTURES": "{pictures}"},
        port=8081,
    ),
    Component(
        "video", Kind.SERVICE, "cameras: sees scenes, says detections", ("python", "-m", "gewu_video"),
        _common("KAFKA_BOOTSTRAP", "CITY", "CONTACT_PUBLIC_FILE") | _LISTENS
        | {
            "GEWU_CAMERA_FILES": "{clips}", "GEWU_CAMERA_NETWORKS": "{camera_networks}",
            "GEWU_CAMERA_LOGINS_FILE": "{camera_logins}", "GEWU_MODELS": "{models}",
        },
        port=8082,
    ),
    Component(
        "notify", Kind.SERVICE, "tells: webhooks, the live feed", ("python", "-m", "gewu_notify"),
        _common("KAFKA_BOOTSTRAP", "POSTGRES_DSN", "CITY", "KEYS_FILE", "RECEIVER_SECRETS") | _LISTENS,
        port=8083, at_home={"GEWU_WEBHOOK_LOOPBACK": "yes"},
    ),
    Component(
        "canary", Kind.OUTSIDE, "a drill a minute through the whole line", ("python", "-m", "gewu.canary"),
        _common("KAFKA_BOOTSTRAP", "CITY") | _LISTENS | {
            "GEWU_INTAKE_URL": "{intake_url}", "GEWU_DISPATCH_URL": "{dispatch_url}", "GEWU_NOTIFY_URL": "{notify_url}",
            "GEWU_CANARY_KEY_FILE": "{canary_key}",
        },
        port=8084,
    ),
    Component(
        "desks", Kind.OUTSIDE, "made-up desks of the departments: they answer", ("python", "-m", "gewu_department.desks"),
        _common("KAFKA_BOOTSTRAP"), demo=True,
    ),
)  # fmt: skip


def component(name: str) -> Component:
    """The component of this name; KeyError where there is none."""
    return {c.name: c for c in COMPONENTS}[name]


def services() -> tuple[Component, ...]:
    """Those that are ours and stay up, in the order of their start."""
    return tuple(c for c in COMPONENTS if c.kind is Kind.SERVICE)
