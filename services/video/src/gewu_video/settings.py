"""Video's settings."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gewu.runtime import settings as shared
from gewu.runtime.env import Env
from gewu.vision import models

_MODELS = "folder of models; without it no plate is looked for, and cameras of city_management are not looked at"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Children:
    """Bounds of the processes that decode; durations in seconds."""

    open_s: float
    read_s: float
    frame_age_s: float
    pause_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Sources:
    """What may be opened."""

    files: Path | None
    loop: bool
    networks: tuple[Network, ...]
    logins_file: Path | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything video needs to know."""

    kafka: shared.Kafka
    http: shared.Http
    city: Path
    cameras: frozenset[str]
    sources: Sources
    children: Children
    models: Path | None
    contact_public_file: Path | None
    ack_deadline: float
    log_level: str


def define(env: Env) -> Settings:
    """Ask for every setting; the faults are collected in `env`."""
    return Settings(
        kafka=shared.kafka(env),
        http=shared.http(env, 8082),
        city=env.folder("GEWU_CITY", "folder of the city package"),
        cameras=frozenset(
            _words(env.text("GEWU_CAMERAS", "", "ids of the cameras of this process, with commas between; none: all"))
        ),
        sources=Sources(
            files=_folder(env, "GEWU_CAMERA_FILES", "folder of the files that cameras name; none: no file is opened"),
            loop=env.flag("GEWU_CAMERA_LOOP", False, "a file begins again at its end"),
            networks=_networks(env),
            logins_file=env.optional_file(
                "GEWU_CAMERA_LOGINS_FILE", 'JSON of logins by camera id: {"id": {"user": …, "password": …}}'
            ),
        ),
        children=Children(
            open_s=env.duration("GEWU_CAMERA_OPEN", "5s", "how long opening a stream may take"),
            read_s=env.duration("GEWU_CAMERA_READ", "3s", "how long a read may wait for bytes"),
            frame_age_s=env.duration("GEWU_CAMERA_FRAME_AGE", "5s", "age of the newest picture at which its child is killed"),
            pause_s=env.duration("GEWU_CAMERA_PAUSE", "60s", "longest pause before what answers and shows nothing is opened"),
            memory_bytes=env.size("GEWU_CAMERA_MEMORY", "1GiB", "most data memory of a child"),
        ),
        models=_folder(env, models.SETTING, _MODELS),
        contact_public_file=env.optional_file(
            "GEWU_CONTACT_PUBLIC_FILE", "public key that seals plates; without it no plate rule is in force"
        ),
        ack_deadline=env.duration("GEWU_ACK_DEADLINE", "10s", "how long a signal waits for its ack before it is said again"),
        log_level=env.choice("GEWU_LOG_LEVEL", "info", ("debug", "info", "warning", "error"), "from which level on"),
    )  # fmt: skip


def read(variables: Mapping[str, str]) -> Settings:
    """The settings, or SettingsFault with a line for each wrong one."""
    env = Env(variables)
    found = define(env)
    children = found.children
    env.require(found.ack_deadline >= 0.1, "GEWU_ACK_DEADLINE must be at least 100ms: an ack takes its time")
    env.require(
        children.frame_age_s >= 2, "GEWU_CAMERA_FRAME_AGE must be at least 2s: a child says its age each second"
    )
    env.require(
        children.memory_bytes >= 256 << 20, "GEWU_CAMERA_MEMORY must be at least 256MiB: a decoder needs as much"
    )
    env.close()
    return found


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _folder(env: Env, name: str, meaning: str) -> Path | None:
    raw = env.text(name, "", meaning)
    if raw and not Path(raw).is_dir():
        env.wrong(name, raw, "the path of a folder that exists")
    return Path(raw) if raw else None


def _networks(env: Env) -> tuple[Network, ...]:
    name = "GEWU_CAMERA_NETWORKS"
    raw = env.text(name, "127.0.0.0/8", "networks whose addresses may be opened, with commas between")
    try:
        return tuple(ipaddress.ip_network(word) for word in _words(raw))
    except ValueError:
        env.wrong(name, raw, "networks such as 10.20.0.0/16,10.21.0.0/16")
        return ()
