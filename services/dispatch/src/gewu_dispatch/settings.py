"""Dispatch's settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gewu.runtime import settings as shared
from gewu.runtime.env import Env
from gewu.runtime.failpoint import UNARMED, Failpoints


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything dispatch needs to know."""

    kafka: shared.Kafka
    postgres: shared.Postgres
    http: shared.Http
    city: Path
    keys_file: Path
    link_secret: bytes
    batch_records: int
    connections: int
    parking_limit: int
    pictures: str
    log_level: str
    failpoints: Failpoints = UNARMED


def define(env: Env) -> Settings:
    """Ask for every setting; the faults are collected in `env`."""
    return Settings(
        kafka=shared.kafka(env),
        postgres=shared.postgres(env),
        http=shared.http(env, 8081),
        city=env.folder("GEWU_CITY", "folder of the city package"),
        keys_file=Path(env.text("GEWU_KEYS_FILE", None, "file of API keys, managed by `gewu keys`; need not exist yet")),
        link_secret=shared.link_secret(env),
        batch_records=env.integer("GEWU_BATCH_RECORDS", 1000, 1, 2000, "records of one poll; a transaction takes up to 1,000"),
        connections=env.integer("GEWU_CONNECTIONS", 3, 1, 20, "database connections of each lane"),
        parking_limit=env.integer("GEWU_PARKING_LIMIT", 100, 1, 1_000_000, "records parked in a row before a topic stops"),
        pictures=shared.pictures(env),
        log_level=env.choice("GEWU_LOG_LEVEL", "info", ("debug", "info", "warning", "error"), "from which level on"),
    )  # fmt: skip


def read(variables: Mapping[str, str]) -> Settings:
    """The settings, or SettingsFault with a line for each wrong one."""
    env = Env(variables)
    found = define(env)
    failpoints = Failpoints.read(variables, env, found.kafka, found.postgres)
    env.close()
    return replace(found, failpoints=failpoints)
