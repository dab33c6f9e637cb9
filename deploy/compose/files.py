"""Every file that the generator answers for, as it must stand."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from deploy.compose import dockerfile, system
from deploy.compose.images import mosquitto_files
from gewu.dev.components import COMPONENTS, Component, Kind

ROOT = Path(__file__).parents[2]
_HEAD = """\
# Gewu on one machine, in containers. Made by `make compose` from the table of components that `gewu dev` starts
# (gewu/src/gewu/dev/components.py): change that or deploy/compose, not this file.
#
#   docker compose up --build          then see "Containers" in README.md
#
# Every container lives in the network of the container `pod`, so that all of them meet on its loopback. Plain text is for
# one machine only, and the services refuse it elsewhere. What is reached from outside is listed under `pod`, and only on this
# machine's loopback. A system of several machines speaks TLS: deploy/README.md.
# No password stands here: the step `secrets` draws them at the first start, into volumes.
"""


def texts(components: Iterable[Component] = COMPONENTS) -> dict[Path, str]:
    """Path → text of docker-compose.yml and of a Dockerfile for each image of ours.

    Raises system.Missing where a component has no image, or asks for a place that no container has.
    """
    table = tuple(c for c in components if not c.demo)
    images = [c for c in table if c.kind in (Kind.SERVICE, Kind.OUTSIDE)]
    made = {ROOT / dockerfile.place(c): dockerfile.text(c) for c in images}
    read = {ROOT / "deploy/mosquitto" / name: text for name, text in mosquitto_files().items()}
    return {ROOT / "docker-compose.yml": compose(table), **read, **made}


def compose(components: Iterable[Component]) -> str:
    """docker-compose.yml for these components."""
    made, says = system.document(tuple(components))
    parts = [_HEAD, f"name: {made['name']}\n\nservices:\n"]
    for name, body in made["services"].items():
        parts.append(f"  # {says[name]}\n{_indented({name: body})}\n")
    parts.append(f"volumes:\n{_indented(made['volumes'])}")
    return "".join(parts)


class _Dumper(yaml.SafeDumper):
    """Lists of words on one line, texts of several lines as they are."""


def _list(dumper: yaml.SafeDumper, value: list[object]) -> yaml.Node:
    short = all(isinstance(one, str) for one in value) and len(str(value)) <= 110 and "\n" not in str(value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=short)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(list, _list)
_Dumper.add_representer(str, _text)
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]


def _indented(value: object) -> str:
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=128)
    return "".join(f"  {line}\n" if line else "\n" for line in text.splitlines())
