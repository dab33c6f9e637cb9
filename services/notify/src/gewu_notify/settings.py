"""Notify's settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gewu.runtime import settings as shared
from gewu.runtime.env import Env
from gewu.runtime.failpoint import UNARMED, Failpoints

_PORT = re.compile(r"[1-9]\d{0,4}(,[1-9]\d{0,4})*")


@dataclass(frozen=True, slots=True)
class Webhooks:
    """How webhooks go out. secrets: the folder of `<receiver>.whsec` files, None where no receiver is told. Seconds."""

    secrets: Path | None
    ports: frozenset[int]
    loopback: bool
    ca_file: Path | None
    timeout: float
    in_flight: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything notify needs to know. oldest, kept: seconds."""

    kafka: shared.Kafka
    postgres: shared.Postgres
    http: shared.Http
    city: Path
    keys_file: Path
    webhooks: Webhooks
    oldest: float
    kept: float
    live_clients: int
    batch_records: int
    parking_limit: int
    log_level: str
    failpoints: Failpoints = UNARMED


def define(env: Env) -> Settings:
    """Ask for every setting; the faults are collected in `env`."""
    kafka, postgres = shared.kafka(env), shared.postgres(env)
    return Settings(
        kafka=kafka,
        postgres=postgres,
        http=shared.http(env, 8083),
        city=env.folder("GEWU_CITY", "folder of the city package"),
        keys_file=Path(env.text("GEWU_KEYS_FILE", None, "file of API keys, managed by `gewu keys`; need not exist yet")),
        webhooks=_webhooks(env, home=kafka.is_home and postgres.is_home),
        oldest=env.duration("GEWU_NOTICE_OLDEST", "1d", "a change that is older when it is read is told to nobody"),
        kept=env.duration("GEWU_NOTICE_KEPT", "30d", "how long a notice that was sent, or failed, stays in the ledger"),
        live_clients=env.integer("GEWU_LIVE_CLIENTS", 2000, 1, 4000, "clients of the live feed at once"),
        batch_records=env.integer("GEWU_BATCH_RECORDS", 1000, 1, 2000, "records of one poll; a transaction takes up to 500"),
        parking_limit=env.integer("GEWU_PARKING_LIMIT", 100, 1, 1_000_000, "records parked in a row before a topic stops"),
        log_level=env.choice("GEWU_LOG_LEVEL", "info", ("debug", "info", "warning", "error"), "from which level on"),
    )  # fmt: skip


def _webhooks(env: Env, *, home: bool) -> Webhooks:
    folder = env.text(
        "GEWU_RECEIVER_SECRETS", "", "folder with a file `<receiver>.whsec` for each receiver of the package"
    )
    if folder and not Path(folder).is_dir():
        env.wrong("GEWU_RECEIVER_SECRETS", folder, "the path of a folder that exists")
    ports = env.text("GEWU_WEBHOOK_PORTS", "443", "ports that a webhook may go to, with commas between")
    if not _PORT.fullmatch(ports) or any(int(p) > 65535 for p in ports.split(",")):
        env.wrong("GEWU_WEBHOOK_PORTS", ports, "ports such as 443 or 443,8443")
        ports = "443"
    loopback = env.flag(
        "GEWU_WEBHOOK_LOOPBACK", False, "let webhooks go to this machine itself, by http too: for development"
    )
    env.require(
        home or not loopback,
        "GEWU_WEBHOOK_LOOPBACK=yes is for development: GEWU_KAFKA_BOOTSTRAP and GEWU_POSTGRES_DSN must be on loopback then",
    )
    timeout = env.duration(
        "GEWU_WEBHOOK_TIMEOUT", "15s", "wall clock of one attempt, from looking its name up to the answer"
    )
    env.require(0.1 <= timeout <= 60, "GEWU_WEBHOOK_TIMEOUT must be from 100ms to 60s")
    return Webhooks(
        secrets=Path(folder) if folder else None,
        ports=frozenset(map(int, ports.split(","))),
        loopback=loopback,
        ca_file=env.optional_file("GEWU_WEBHOOK_CA_FILE", "PEM file of the CAs of receivers; none: the system's"),
        timeout=timeout,
        in_flight=env.integer("GEWU_WEBHOOK_IN_FLIGHT", 8, 1, 256, "attempts under way to one receiver, of this process"),
    )  # fmt: skip


def read(variables: Mapping[str, str]) -> Settings:
    """The settings, or SettingsFault with a line for each wrong one."""
    env = Env(variables)
    found = define(env)
    failpoints = Failpoints.read(variables, env, found.kafka, found.postgres)
    env.close()
    return replace(found, failpoints=failpoints)
