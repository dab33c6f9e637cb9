"""A native Kafka that asks everybody who they are and what they may: SCRAM over TLS, StandardAuthorizer, no open door."""

import secrets
import shutil
import ssl
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from gewu.dev.kafka import KafkaServer
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.ports import LOOPBACK
from gewu.runtime.settings import Kafka

OPERATOR = "operator"  # the super user
MISSING = "openssl is not installed: apt-get install openssl"


class LockedKafka:
    """One broker with a user for each of these logins, and one for the operator. Passwords are made here."""

    def __init__(self, folder: Path, logins: Iterable[str]) -> None:
        self._folder = folder
        self.ca = folder / "broker.pem"
        self._passwords = {login: secrets.token_urlsafe(18) for login in (*logins, OPERATOR)}
        self._certify()
        users = [f"SCRAM-SHA-512=[name={u},password={p}]" for u, p in self._passwords.items()]
        self.server = KafkaServer(
            folder / "kafka", settings=self._settings() | QUICK_RETURN, login=self.login(OPERATOR),
            formatting=[word for user in users for word in ("--add-scram", user)],
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()

    def kafka(self, user: str) -> Kafka:
        """Settings of a program that has this login."""
        name, password = self._folder / f"{user}.user", self._folder / f"{user}.password"
        name.write_text(user)
        password.write_text(self._passwords[user])
        return Kafka(self.server.bootstrap, self.ca, name, password, 1, 1, "")

    def login(self, user: str, password: str | None = None) -> dict[str, Any]:
        """Keyword arguments for a client of aiokafka."""
        return {
            "security_protocol": "SASL_SSL", "ssl_context": ssl.create_default_context(cafile=str(self.ca)),
            "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": user,
            "sasl_plain_password": password or self._passwords[user],
        }  # fmt: skip

    def _certify(self) -> None:
        openssl = shutil.which("openssl")
        if not openssl:
            raise FileNotFoundError(MISSING)
        key, words = self._folder / "key.pem", f"subjectAltName=IP:{LOOPBACK}"
        subprocess.run(
            [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker", "-addext", words,
             "-keyout", key, "-out", self.ca],
            check=True, capture_output=True,
        )  # fmt: skip
        (self._folder / "keystore.pem").write_text(key.read_text() + self.ca.read_text())

    def _settings(self) -> dict[str, str]:
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        own, inner = self._passwords[OPERATOR], secrets.token_urlsafe(18)
        return {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{OPERATOR};User:controller",
            "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": f'{scram} username="{OPERATOR}" password="{own}";',
            # Of the controller itself: SCRAM users stand in the metadata that it has yet to read.
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config":
                f'{plain} username="controller" password="{inner}" user_controller="{inner}";',
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._folder / "keystore.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca),
        }  # fmt: skip
