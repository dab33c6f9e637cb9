"""Intake's settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from gewu.runtime import settings as shared
from gewu.runtime.env import Env, is_loopback
from gewu_intake.domain.admission import Limits

_MOST = 1_000_000
_LONGEST_SESSION_S = 365 * 86_400  # a year: the protocol has 32 bits for it


@dataclass(frozen=True, slots=True)
class Mqtt:
    """How to reach the sensors' broker. window: messages that may wait for their acknowledgement."""

    host: str
    port: int
    version: Literal["3.1.1", "5.0"]
    client_id: str
    user: str | None
    password: str | None
    ca_file: Path | None
    session_s: float
    window: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything intake needs to know; durations in seconds, sizes in bytes."""

    kafka: shared.Kafka
    http: shared.Http
    city: Path
    keys_file: Path
    link_secret: bytes
    contact_public_file: Path | None
    status_url: str
    ack_deadline: float
    buffer_bytes: int
    limits: Limits
    mqtt: Mqtt | None
    pictures: str
    models: Path | None
    maskers: int
    log_level: str


def define(env: Env) -> Settings:
    """Ask for every setting; the faults are collected in `env`."""
    return Settings(
        kafka=shared.kafka(env),
        http=shared.http(env, 8080),
        city=env.folder("GEWU_CITY", "folder of the city package"),
        keys_file=Path(env.text("GEWU_KEYS_FILE", None, "file of API keys, managed by `gewu keys`; need not exist yet")),
        link_secret=shared.link_secret(env),
        contact_public_file=env.optional_file(
            "GEWU_CONTACT_PUBLIC_FILE", "public key that seals contacts; without it a report with one is refused"
        ),
        status_url=env.text("GEWU_STATUS_URL", None, "base of the status links, the public address of dispatch"),
        ack_deadline=env.duration("GEWU_ACK_DEADLINE", "10s", "how long a request waits for the broker's ack"),
        buffer_bytes=env.size("GEWU_BUFFER", "32MiB", "how much may wait for the broker in each lane before reports are refused"),
        limits=Limits(
            total=env.integer("GEWU_RATE", 0, 0, _MOST, "reports a second that this process takes, p0 beside them; 0: no limit"),
            each_key=env.integer("GEWU_KEY_RATE", 0, 0, _MOST, "reports a second of a key without its own rate; 0: no limit"),
            each_grid=env.integer("GEWU_GRID_RATE", 0, 0, _MOST, "reports a second from one leaf grid; 0: no limit"),
        ),
        mqtt=_mqtt(env),
        pictures=shared.pictures(env),
        models=shared.models(env),
        maskers=env.integer("GEWU_MASKERS", 1, 1, 8, "children that cover faces and plates, some 200 MiB and a core each"),
        log_level=env.choice("GEWU_LOG_LEVEL", "info", ("debug", "info", "warning", "error"), "from which level on"),
    )  # fmt: skip


def _mqtt(env: Env) -> Mqtt | None:
    url = env.text(
        "GEWU_MQTT_URL", "", "the sensors' broker, mqtt://host:port or mqtts://host:port; without it no sensor is heard"
    )
    found = Mqtt(
        host="", port=0,
        version=env.choice("GEWU_MQTT_VERSION", "5.0", ("5.0", "3.1.1"), "of MQTT that the broker speaks"),  # type: ignore[arg-type]
        client_id=env.text("GEWU_MQTT_CLIENT_ID", "gewu-intake", "names the session at the broker: the same after every start"),
        user=_secret(env.optional_file("GEWU_MQTT_USER_FILE", "file with the user name at the broker")),
        password=_secret(env.optional_file("GEWU_MQTT_PASSWORD_FILE", "file with the password at the broker")),
        ca_file=env.optional_file("GEWU_MQTT_CA_FILE", "PEM file of the CA that signed the broker's certificate, for mqtts"),
        session_s=env.duration("GEWU_MQTT_SESSION", "1d", "how long an MQTT 5 broker keeps what waits for us while we are away"),
        window=env.integer("GEWU_MQTT_WINDOW", 500, 1, 65_535, "readings that may wait for Kafka at once"),
    )  # fmt: skip
    if not url:
        return None
    parts = re.fullmatch(r"(mqtts?)://([^\s:/@]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})", url)
    if parts is None:
        env.wrong("GEWU_MQTT_URL", url, "mqtt://host:port or mqtts://host:port, without user and password")
        return None
    home = is_loopback(parts[2])
    env.require(
        home or parts[1] == "mqtts",
        f"GEWU_MQTT_URL={url!r} is not on loopback: use mqtts (plain text is for this machine only)",
    )
    env.require(
        (parts[1] == "mqtts") == (found.ca_file is not None), "mqtts in GEWU_MQTT_URL and GEWU_MQTT_CA_FILE go together"
    )
    env.require(
        (found.user is None) == (found.password is None), "GEWU_MQTT_USER_FILE and GEWU_MQTT_PASSWORD_FILE go together"
    )
    env.require(
        home or found.user is not None, "outside loopback GEWU_MQTT_USER_FILE and GEWU_MQTT_PASSWORD_FILE are needed"
    )
    env.require(60 <= found.session_s <= _LONGEST_SESSION_S, "GEWU_MQTT_SESSION must be from 1min to 365d")
    env.require(
        bool(found.client_id), "GEWU_MQTT_CLIENT_ID must not be empty: without a name the broker keeps nothing for us"
    )
    return replace(found, host=parts[2].strip("[]"), port=int(parts[3]))


def _secret(file: Path | None) -> str | None:
    return file.read_text().strip() if file and file.is_file() else None


def read(variables: Mapping[str, str]) -> Settings:
    """The settings, or SettingsFault with a line for each wrong one."""
    env = Env(variables)
    found = define(env)
    env.require(found.ack_deadline >= 0.1, "GEWU_ACK_DEADLINE must be at least 100ms: an ack takes its time")
    env.close()
    return found
