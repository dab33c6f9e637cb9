"""The canary's settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gewu.runtime import settings as shared
from gewu.runtime.env import Env


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the canary needs to know; durations in seconds."""

    kafka: shared.Kafka
    http: shared.Http
    city: Path
    intake_url: str
    dispatch_url: str
    notify_url: str
    key_file: Path | None
    category: str
    every: float
    patience: float
    log_level: str


def define(env: Env) -> Settings:
    """Ask for every setting; the faults are collected in `env`."""
    return Settings(
        kafka=shared.kafka(env),
        http=shared.http(env, 8084),
        city=env.folder("GEWU_CITY", "folder of the city package"),
        intake_url=env.text("GEWU_INTAKE_URL", None, "base address of intake"),
        dispatch_url=env.text("GEWU_DISPATCH_URL", None, "base address of dispatch"),
        notify_url=env.text("GEWU_NOTIFY_URL", "", "base address of notify, whose live feed is the last station; empty: none"),
        key_file=env.optional_file(
            "GEWU_CANARY_KEY_FILE", "file with the secret of a key that may report, read and act for every department (required)"
        ),
        category=env.text("GEWU_CANARY_CATEGORY", "canary", "what it reports; it must join nothing"),
        every=env.duration("GEWU_CANARY_EVERY", "60s", "from one drill to the next"),
        patience=env.duration("GEWU_CANARY_PATIENCE", "30s", "how long it waits at each station before it is missing"),
        log_level=env.choice("GEWU_LOG_LEVEL", "info", ("debug", "info", "warning", "error"), "from which level on"),
    )  # fmt: skip


def read(variables: Mapping[str, str]) -> Settings:
    """The settings, or SettingsFault with a line for each wrong one."""
    env = Env(variables)
    found = define(env)
    env.require(found.key_file is not None, "GEWU_CANARY_KEY_FILE is not set: `gewu keys add` makes a key")
    env.require(1.0 <= found.every <= 3600.0, "GEWU_CANARY_EVERY must lie between 1s and 1h")
    env.require(found.patience >= 0.1, "GEWU_CANARY_PATIENCE must be at least 100ms")
    env.close()
    return found
