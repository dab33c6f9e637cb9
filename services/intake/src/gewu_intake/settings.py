"""Intake's settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gewu.runtime import settings as shared
from gewu.runtime.env import Env
from gewu_intake.domain.admission import Limits

_MOST = 1_000_000


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
        pictures=shared.pictures(env),
        models=shared.models(env),
        maskers=env.integer("GEWU_MASKERS", 1, 1, 8, "children that cover faces and plates, some 200 MiB and a core each"),
        log_level=env.choice("GEWU_LOG_LEVEL", "info", ("debug", "info", "warning", "error"), "from which level on"),
    )  # fmt: skip


def read(variables: Mapping[str, str]) -> Settings:
    """The settings, or SettingsFault with a line for each wrong one."""
    env = Env(variables)
    found = define(env)
    env.require(found.ack_deadline >= 0.1, "GEWU_ACK_DEADLINE must be at least 100ms: an ack takes its time")
    env.close()
    return found
