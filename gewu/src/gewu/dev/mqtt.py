"""An MQTT broker as a child process on a loopback port: Mosquitto where it is installed, else amqtt."""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gewu.dev import mqtt_files, ports
from gewu.dev.children import CannotStart, Child, Launch, end_leftover, tail
from gewu.dev.server import Server

_TRIES = 5
_DEBIAN = "/usr/sbin"  # where Debian has it, which is not on everybody's PATH


class MqttServer(Server):
    """One broker, its data below `folder`. It may be stopped, killed and started again: port, data and passwords stay.

    embedded: amqtt even where Mosquitto is installed.
    """

    name = "mqtt"

    def __init__(
        self,
        folder: Path,
        sensors: Sequence[str],
        *,
        embedded: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(folder, say)
        self._users = mqtt_files.users(sensors)
        self.program = None if embedded else mosquitto()
        self._port: int | None = None  # set once clients were told

    @property
    def port(self) -> int:
        """Where it listens; the same after every start of this object."""
        if self._port is None:
            raise RuntimeError("the MQTT broker has no address before its first start: await start() first")
        return self._port

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"mqtt://{ports.LOOPBACK}:{self.port}"

    @property
    def version(self) -> str:
        """Of MQTT that it speaks."""
        return "5.0" if self.program else "3.1.1"

    def passwords(self) -> dict[str, str]:
        """By user, for those of this start; made once and kept."""
        kept = json.loads(self._folder.remembered("passwords.json") or "{}")
        known = {user: kept.get(user) or secrets.token_urlsafe(18) for user in self._users}
        if known != {user: kept.get(user) for user in self._users}:
            self._folder.keep("passwords.json", json.dumps(kept | known, indent=1))
        return known

    async def start(self, timeout: float = 20.0) -> None:
        """Start it; returns when it answers. Raises CannotStart, quoting the log, where it does not."""
        if self.pid is not None:
            return
        self._folder.hold()
        try:
            await end_leftover(self._pid_file)
            await asyncio.to_thread(self._write_files)
            end = time.monotonic() + timeout
            for _ in range(_TRIES):
                port = self._choose_port()
                self._child = Child(self._launch(port))
                if await self._until_ready(port, end):
                    self._port = port
                    return
                await self._child.kill()
                if self._port:
                    break
            raise CannotStart(
                f"the MQTT broker did not come up within {timeout:.0f} s. The end of {self.log}:\n{tail(self.log)}"
            )
        except BaseException:
            await self.kill()
            raise

    def _choose_port(self) -> int:
        if self._port:
            return self._port
        kept = int(self._folder.remembered("port") or 0)
        if kept and ports.is_free(kept):
            return kept
        (port,) = ports.free_ports(1)
        self._folder.keep("port", str(port))
        return port

    def _write_files(self) -> None:
        known = self.passwords()
        if self.program is None:
            return
        folder = self._folder.path
        (folder / "data").mkdir(exist_ok=True)
        self._folder.keep("acl", mqtt_files.acl())
        self._folder.keep("passwords", mqtt_files.passwords(known))
        subprocess.run(["mosquitto_passwd", "-U", str(folder / "passwords")], check=True, capture_output=True)

    def _launch(self, port: int) -> Launch:
        folder = self._folder.path
        if self.program:
            self._folder.keep("mosquitto.conf", mqtt_files.settings(folder, ports.LOOPBACK, port))
            command: tuple[str, ...] = (self.program, "-c", str(folder / "mosquitto.conf"))
        else:
            command = (sys.executable, "-m", "gewu.dev.embedded_mqtt", str(folder), str(port))
        return Launch(command, self.log, self._pid_file, folder, os.environ)

    async def _until_ready(self, port: int, end: float) -> bool:
        """Whether it, and not somebody else who has the port, answers a login; False at once where it has ended."""
        while time.monotonic() < end:
            if self._child is None or self._child.exit_code is not None:
                return False
            if await self._lets_us_in(port):
                return True
            await asyncio.sleep(0.05)
        return False

    async def _lets_us_in(self, port: int) -> bool:
        import zmqtt

        client = zmqtt.MQTTClient(
            ports.LOOPBACK, port, client_id=f"probe-{os.getpid()}", username=mqtt_files.BRIDGE,
            password=self.passwords()[mqtt_files.BRIDGE], reconnect=zmqtt.ReconnectConfig(enabled=False),
            mqtt_connect_timeout=3.0,
        )  # fmt: skip
        with suppress(zmqtt.MQTTError, OSError, TimeoutError):
            async with asyncio.timeout(3.0), client:
                return True
        return False


def mosquitto() -> str | None:
    """The program, where it is installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_DEBIAN)
