"""Settings that every service shares: Kafka, PostgreSQL, HTTP. Unsafe ones are refused outside loopback."""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gewu.runtime.env import Env, is_loopback


@dataclass(frozen=True, slots=True)
class Kafka:
    """How to reach the brokers. replication and min_isr are what topics must have: 1/1 on loopback, 3/2 elsewhere."""

    bootstrap: str
    ca_file: Path | None
    user_file: Path | None
    password_file: Path | None
    replication: int
    min_isr: int
    instance: str  # static membership: "" means a member of its own at every start

    @property
    def is_home(self) -> bool:
        """Whether every broker can only be on this machine."""
        return all(is_loopback(_host(a)) for a in self.bootstrap.split(","))

    def connection(self) -> dict[str, Any]:
        """Keyword arguments for every aiokafka client."""
        if self.ca_file is None:
            return {"bootstrap_servers": self.bootstrap}
        tls: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SSL",
            "ssl_context": ssl.create_default_context(cafile=str(self.ca_file)),
        }
        if self.user_file and self.password_file:
            tls |= {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.user_file.read_text().strip(),
                "sasl_plain_password": self.password_file.read_text().strip(),
            }
        return tls


@dataclass(frozen=True, slots=True)
class Postgres:
    """How to reach the database; the DSN's password may stand in a file of its own."""

    dsn: str
    password_file: Path | None
    ca_file: Path | None

    @property
    def is_home(self) -> bool:
        """Whether the server can only be on this machine; a host that hides elsewhere than in its place is refused."""
        try:
            return is_loopback(urlsplit(self.dsn).hostname or "")
        except ValueError:
            return False

    def connection(self) -> dict[str, Any]:
        """Keyword arguments for asyncpg.connect and create_pool."""
        words: dict[str, Any] = {"dsn": self.dsn}
        if self.password_file:
            words["password"] = self.password_file.read_text().strip()
        if self.ca_file:
            words["ssl"] = ssl.create_default_context(cafile=str(self.ca_file))
        return words


@dataclass(frozen=True, slots=True)
class Http:
    """Where a service listens."""

    host: str
    port: int
    cert_file: Path | None
    key_file: Path | None


def kafka(env: Env) -> Kafka:
    """Kafka settings; TLS is a must outside loopback, and less than 3 replicas with 2 in sync is refused there."""
    bootstrap = env.text("GEWU_KAFKA_BOOTSTRAP", None, "Kafka brokers, host:port[,host:port…]")
    home = _are_home(env, bootstrap.split(",") if bootstrap else [])
    found = Kafka(
        bootstrap=bootstrap,
        ca_file=env.optional_file("GEWU_KAFKA_CA_FILE", "PEM file of the CA that signed the brokers' certificates; turns TLS on"),
        user_file=env.optional_file("GEWU_KAFKA_USER_FILE", "file with the SCRAM-SHA-512 user name"),
        password_file=env.optional_file("GEWU_KAFKA_PASSWORD_FILE", "file with the SCRAM-SHA-512 password"),
        replication=env.integer("GEWU_KAFKA_REPLICATION", 1 if home else 3, 1, 9, "replicas of every topic"),
        min_isr=env.integer("GEWU_KAFKA_MIN_ISR", 1 if home else 2, 1, 9, "replicas that must have a record before its ack"),
        instance=env.text("GEWU_KAFKA_INSTANCE", "", "name of this replica in its consumer groups; the same after a restart"),
    )  # fmt: skip
    env.require(
        found.min_isr <= found.replication,
        f"GEWU_KAFKA_MIN_ISR={found.min_isr} is above GEWU_KAFKA_REPLICATION={found.replication}: no ack could ever come",
    )
    env.require(
        home or found.ca_file is not None,
        f"GEWU_KAFKA_BOOTSTRAP={bootstrap!r} is not on loopback: set GEWU_KAFKA_CA_FILE (plain text is for this machine only)",
    )
    env.require(
        home or (found.replication >= 3 and found.min_isr >= 2),
        "outside loopback GEWU_KAFKA_REPLICATION must be at least 3 and GEWU_KAFKA_MIN_ISR at least 2: "
        "an ack must survive a broker",
    )
    env.require(
        (found.user_file is None) == (found.password_file is None),
        "GEWU_KAFKA_USER_FILE and GEWU_KAFKA_PASSWORD_FILE go together",
    )
    env.require(
        home or found.user_file is not None,
        "outside loopback GEWU_KAFKA_USER_FILE and GEWU_KAFKA_PASSWORD_FILE are needed: who speaks is known by its login",
    )
    env.require(
        found.user_file is None or found.ca_file is not None,
        "GEWU_KAFKA_USER_FILE needs GEWU_KAFKA_CA_FILE: a password never travels in plain text",
    )
    return found


def _are_home(env: Env, addresses: list[str]) -> bool:
    if any(not re.fullmatch(r"[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:.]+\]:\d{1,5}", a) for a in addresses):
        env.wrong("GEWU_KAFKA_BOOTSTRAP", ",".join(addresses), "host:port[,host:port…] without blanks")
    return all(is_loopback(_host(a)) for a in addresses)


def postgres(env: Env) -> Postgres:
    """PostgreSQL settings; TLS with a checked certificate is a must outside loopback."""
    dsn = env.text("GEWU_POSTGRES_DSN", None, "postgresql://user@host:port/database")
    found = Postgres(
        dsn=dsn,
        password_file=env.optional_file("GEWU_POSTGRES_PASSWORD_FILE", "file with the database password"),
        ca_file=env.optional_file(
            "GEWU_POSTGRES_CA_FILE", "PEM file of the CA that signed the server's certificate; turns TLS on"
        ),
    )
    if dsn:
        _check_dsn(env, dsn, found.ca_file)
    return found


def _check_dsn(env: Env, dsn: str, ca_file: Path | None) -> None:
    try:
        parts = urlsplit(dsn)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    # Hosts may also hide in a list, in the query or in a service file; one that is named plainly is asked for.
    plain = parts.scheme in ("postgresql", "postgres") and bool(host) and "," not in parts.netloc
    hidden = [w for w in ("host", "hostaddr", "service", "passfile") if re.search(rf"(^|&){w}=", parts.query)]
    env.require(
        plain and not hidden and port != 0,
        "GEWU_POSTGRES_DSN must look like postgresql://user@host:port/database, with the one host in its place",
    )
    home = plain and not hidden and is_loopback(host or "")
    env.require(home or ca_file is not None, "GEWU_POSTGRES_DSN is not on loopback: set GEWU_POSTGRES_CA_FILE")
    env.require(
        home or (parts.password is None and "password=" not in parts.query),
        "outside loopback the password belongs into GEWU_POSTGRES_PASSWORD_FILE, not into GEWU_POSTGRES_DSN",
    )


def http(env: Env, default_port: int) -> Http:
    """Where to listen; outside loopback only with a certificate, or behind a proxy that ends TLS."""
    found = Http(
        host=env.text("GEWU_HTTP_HOST", "127.0.0.1", "address to listen on"),
        port=env.integer("GEWU_HTTP_PORT", default_port, 0, 65535, "port to listen on"),
        cert_file=env.optional_file("GEWU_HTTP_CERT_FILE", "PEM file of the server's certificate; turns TLS on"),
        key_file=env.optional_file("GEWU_HTTP_KEY_FILE", "PEM file of the certificate's key"),
    )
    proxied = env.flag("GEWU_HTTP_BEHIND_PROXY", False, "a proxy in front ends TLS")
    env.require(
        is_loopback(found.host) or proxied or found.cert_file is not None,
        f"GEWU_HTTP_HOST={found.host!r} is not loopback: "
        "set GEWU_HTTP_CERT_FILE and GEWU_HTTP_KEY_FILE, or GEWU_HTTP_BEHIND_PROXY=yes",
    )
    env.require(
        (found.cert_file is None) == (found.key_file is None), "GEWU_HTTP_CERT_FILE and GEWU_HTTP_KEY_FILE go together"
    )
    return found


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def pictures(env: Env) -> str:
    """Where masked pictures lie; "" for nowhere."""
    return env.text(
        "GEWU_PICTURES",
        "",
        "folder or fsspec URL of masked pictures, the same in intake and dispatch and nobody else's: what no case names is "
        "deleted after 25 hours; none: no pictures",
    )


def models(env: Env) -> Path | None:
    """The folder of models. It may be empty or away: then there is no masker, and no picture."""
    named = env.text("GEWU_MODELS", "", "folder of models; without them there is no masker, and no picture")
    return Path(named) if named else None


def link_secret(env: Env) -> bytes:
    """The secret of status links, the same in intake and dispatch; too short a one would make links that can be forged."""
    path = env.optional_file(
        "GEWU_LINK_SECRET_FILE", "file with at least 32 random bytes; `gewu keys init` makes it (required)"
    )
    secret = path.read_bytes()[:64] if path and path.is_file() else b""
    env.require(
        len(secret) >= 32,
        "GEWU_LINK_SECRET_FILE must name a file with at least 32 random bytes: `gewu keys init` makes it",
    )
    return secret
