"""The places that the table's patterns name, as a container of the pod finds them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from string import Formatter

from deploy.compose.images import USER
from gewu.dev.components import Component, Kind
from gewu.dev.stack import DATABASE

LOOPBACK = "127.0.0.1"
CITY = "${GEWU_CITY:-./cities/demo}:/city:ro"


class Missing(Exception):
    """A component needs what no container has; the text says what, and where to add it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What stands for a pattern's name; mounts and further variables come with it. needs: the step that makes it."""

    value: str
    mounts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


def names(component: Component) -> set[str]:
    """The places that a component's variables name."""
    patterns = component.environment.values()
    return {name for pattern in patterns for _, name, _, _ in Formatter().parse(pattern) if name}


def places(component: Component, table: Iterable[Component]) -> dict[str, Place]:
    """Every place that this component may name."""
    ports = {c.name: c.port for c in table}
    urls = {f"{c.name}_url": Place(f"http://{LOOPBACK}:{c.port}") for c in table if c.kind is Kind.SERVICE}
    return {
        **urls,
        "kafka": Place(f"{LOOPBACK}:{ports.get('kafka')}"),
        "postgres": Place(
            f"postgresql://{USER}@{LOOPBACK}:{ports.get('postgres')}/{DATABASE}",
            ("postgres-password:/passwords/postgres:ro",),
            {"GEWU_POSTGRES_PASSWORD_FILE": "/passwords/postgres/password"},
            ("secrets",),
        ),
        "mqtt": Place(f"mqtt://{LOOPBACK}:{ports.get('mqtt')}"),
        "mqtt_version": Place("5.0"),
        "mqtt_login": Place("/secrets/mqtt"),  # beside the others that intake has from {secrets}
        "city": Place("/city", (CITY,)),
        # A camera of another network is opened only where its network is named; their logins are asked of nobody else.
        "camera_networks": Place("${GEWU_CAMERA_NETWORKS:-127.0.0.0/8}"),
        "camera_logins": Place(
            "/passwords/cameras/logins.json", ("camera-logins:/passwords/cameras:ro",), needs=("secrets",)
        ),
        "canary_key": Place("/passwords/canary/key", ("canary-key:/passwords/canary:ro",), needs=("secrets",)),
        # Empty unless somebody fills the volume or names a folder; without models video sees motion only.
        "clips": Place("/clips", ("${GEWU_CLIPS:-clips}:/clips:ro",)),
        "models": Place("${GEWU_MODELS:+/models}", ("${GEWU_MODELS:-models}:/models:ro",)),
        "pictures": Place("/pictures", ("pictures:/pictures",)),
        "secrets": Place("/secrets", ("secrets:/secrets:ro",), needs=("secrets",)),
        "host": _host(component),
        "port": Place(str(component.port)),
        "instance": Place(f"compose-{component.name}"),
    }


def _host(component: Component) -> Place:
    if component.kind is not Kind.SERVICE:
        return Place(LOOPBACK)  # asked by nobody but Prometheus, which is in the pod
    # A published port arrives at the pod's outer address. It is bound to this machine's loopback, where whoever comes
    # from elsewhere must come through a proxy that ends TLS.
    return Place("0.0.0.0", environment={"GEWU_HTTP_BEHIND_PROXY": "yes"})


def used(component: Component, table: Iterable[Component]) -> dict[str, Place]:
    """The places that this component names. Raises Missing for one that no container has."""
    known = places(component, table)
    if lacking := names(component) - known.keys():
        asks = f"{component.name} asks for {', '.join(f'{{{name}}}' for name in sorted(lacking))}"
        raise Missing(f"{asks}: say in deploy/compose/places.py what that is in a container")
    return {name: known[name] for name in sorted(names(component))}
