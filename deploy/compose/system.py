"""docker-compose.yml as data, from the table of components."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deploy.compose import dockerfile
from deploy.compose.images import PYTHON, Image, servers, watchers
from deploy.compose.places import CITY, LOOPBACK, Missing, names, used
from gewu.dev.components import Component, Kind
from gewu.runtime.service import STOP_S

ROOT = Path(__file__).parents[2]
_POD = {"pod": {"condition": "service_started", "restart": True}}
# What our own containers may not: write to their files, gain rights.
_CONFINED = {
    "read_only": True, "tmpfs": ["/tmp"], "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"],
}  # fmt: skip
# The key that opens contacts stays in the vault, which no service has mounted. Passwords are readable to whoever has their
# volume, because the images read them under users of their own. A canary whose key was revoked keeps nobody from starting.
DRAW = """\
gewu keys init --folder /vault >/dev/null
cp --update /vault/link.secret /vault/contact-public.json /secrets/
test -e /secrets/keys.json || cp /vault/keys.json /secrets/
gewu notices secrets /secrets/receivers --city /city >/dev/null
for one in postgres grafana mqtt; do
  test -s /passwords/$$one/password || python -c 'import secrets; print(secrets.token_urlsafe(24))' >/passwords/$$one/password
done
test -e /passwords/cameras/logins.json || echo '{}' | install -m 0600 /dev/stdin /passwords/cameras/logins.json
gewu keys add canary --scope report --scope 'read:*' --scope 'act:*' --to /passwords/canary/key || test -s /passwords/canary/key
echo gewu-intake | install -m 0600 /dev/stdin /secrets/mqtt.user
install -m 0600 /passwords/mqtt/password /secrets/mqtt.password
"""
_NAMED = re.compile(r"(?:\$\{\w+:-)?([a-z][\w-]*)\}?:")  # a volume, also one that stands in where a folder is not named
Body = dict[str, Any]


def document(table: Sequence[Component]) -> tuple[Body, dict[str, str]]:
    """The compose file, and a line about each of its services. Raises Missing."""
    services = [c for c in table if c.kind is Kind.SERVICE]
    if not services:
        raise Missing("the table has no service: there is no image to run the steps in")
    bodies: dict[str, tuple[str, Body]] = {"pod": ("the network that all others live in", _pod(table))}
    bodies["secrets"] = ("step: keys, secrets and passwords, drawn once and kept", _secrets(services[0]))
    for component in table:
        if component.kind is Kind.SERVER:
            image = _image_of(component)
            bodies[component.name] = (image.says, _server(image))
        elif component.kind is Kind.STEP:
            for name, image_of in _runs(component, services):
                bodies[name] = (f"step: {component.says}", _step(component, table, _named(services, image_of)))
        else:
            bodies[component.name] = (component.says, _service(component, table, services))
    for name, image in watchers().items():
        bodies[name] = (image.says, _server(image))
    made = {name: body for name, (_, body) in bodies.items()}
    return (
        {"name": "gewu", "services": made, "volumes": {name: {} for name in _volumes(made.values())}},
        {name: says for name, (says, _) in bodies.items()},
    )


def version(component: Component) -> str:
    """The tag of its image: the version of its distribution."""
    folder = ROOT / (f"services/{component.name}" if component.kind is Kind.SERVICE else "gewu")
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"]


def _named(services: Sequence[Component], name: str) -> Component:
    return next(c for c in services if c.name == name)


def _image_of(component: Component) -> Image:
    found = servers().get(component.name)
    if found is None:
        raise Missing(f"the server {component.name} has no image: add one to servers() in deploy/compose/images.py")
    return found


def _pod(table: Sequence[Component]) -> Body:
    open_ports = [c.port for c in table if c.kind is Kind.SERVICE]
    open_ports += [c.port for c in table if c.kind is Kind.SERVER and _image_of(c).published]
    open_ports += [image.port for image in watchers().values() if image.published]
    return {
        "image": PYTHON,
        "command": ["sleep", "infinity"],
        "user": "65534:65534",
        "init": True,
        "restart": "unless-stopped",
        "ports": [f"{LOOPBACK}:{port}:{port}" for port in open_ports],
        **_CONFINED,
    }


def _secrets(service: Component) -> Body:
    volumes = [
        CITY, "vault:/vault", "secrets:/secrets", "postgres-password:/passwords/postgres",
        "grafana-password:/passwords/grafana", "mqtt-password:/passwords/mqtt", "canary-key:/passwords/canary",
        "camera-logins:/passwords/cameras",
    ]  # fmt: skip
    # GEWU_KEYS_FILE is for `docker compose run --rm secrets gewu keys add …`.
    environment = {"GEWU_KEYS_FILE": "/secrets/keys.json"}
    return _ours(service) | {
        "command": ["sh", "-euc", DRAW], "restart": "no", "network_mode": "none", "environment": environment,
        "volumes": volumes,
    }  # fmt: skip


def _ours(component: Component) -> Body:
    return {
        "image": f"gewu-{component.name}:{version(component)}",
        "build": {"context": ".", "dockerfile": str(dockerfile.place(component))},
        "network_mode": "service:pod",
        **_CONFINED,
    }


def _server(image: Image) -> Body:
    needs = dict(_POD)
    if image.secrets:
        needs["secrets"] = {"condition": "service_completed_successfully"}
    volumes = [f"{name}:{path}" for name, path in image.keeps.items()]
    volumes += [f"{path}:{there}:ro" for path, there in {**image.reads, **image.secrets}.items()]
    body: Body = {"image": image.tag, "network_mode": "service:pod", "restart": "unless-stopped", "depends_on": needs}
    if image.command:
        body["command"] = list(image.command)
    if image.environment:
        body["environment"] = dict(image.environment)
    body["volumes"] = volumes
    body["healthcheck"] = {
        "test": ["CMD", *image.well], "interval": f"{image.asked_every_s}s", "timeout": "15s", "retries": 12,
        "start_period": f"{image.starts_s}s",
    }  # fmt: skip
    return body | dict(image.further)


def _runs(step: Component, services: Sequence[Component]) -> list[tuple[str, str]]:
    """Name and service image of each run of a step: tables are made by the image that brings them along."""
    if step.name != "migrate":
        return [(step.name, services[0].name)]
    return [(f"{step.name}-{c.name}", c.name) for c in services if _has_tables(c.name)]


def _has_tables(service: str) -> bool:
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]
    return "gewu.schemas" in project.get("entry-points", {})


def _step(component: Component, table: Sequence[Component], image_of: Component) -> Body:
    return _ours(image_of) | {"command": list(component.command), "restart": "no"} | _surroundings(component, table, {})


def _service(component: Component, table: Sequence[Component], services: Sequence[Component]) -> Body:
    if component.port is None:
        raise Missing(f"{component.name} has no port in the table of components")
    known = {c.name for c in table if c.kind is Kind.SERVER}
    # A step is waited for when every server that it prepares is one of this service's.
    steps = {
        name: {"condition": "service_completed_successfully"}
        for step in table
        if step.kind is Kind.STEP and names(step) & known <= names(component)
        for name, _ in _runs(step, services)
    }
    # What asks services from outside waits for them; a service waits for no other.
    asked = {
        c.name: {"condition": "service_healthy"}
        for c in services
        if component.kind is Kind.OUTSIDE and f"{c.name}_url" in names(component)
    }
    return (
        _ours(component)
        | {"restart": "unless-stopped", "stop_grace_period": f"{STOP_S + 10:.0f}s"}
        | _surroundings(component, table, steps | asked)
    )


def _surroundings(component: Component, table: Sequence[Component], steps: Body) -> Body:
    """What it waits for, its variables and its volumes."""
    found = used(component, table)
    servers = {c.name: {"condition": "service_healthy"} for c in table if c.kind is Kind.SERVER and c.name in found}
    made = {name: {"condition": "service_completed_successfully"} for place in found.values() for name in place.needs}
    variables = component.variables({name: place.value for name, place in found.items()})
    for place in found.values():
        variables |= place.environment
    return {
        "depends_on": {**_POD, **made, **servers, **steps},
        "environment": variables,
        "volumes": [mount for place in found.values() for mount in place.mounts],
    }


def _volumes(bodies: Iterable[Body]) -> list[str]:
    """Named volumes, in the order of their first use."""
    found = (_NAMED.match(mount) for body in bodies for mount in body.get("volumes", ()))
    return list(dict.fromkeys(name[1] for name in found if name))
