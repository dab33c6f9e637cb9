"""One of our services as a child process: its port, its log, its readiness."""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from gewu.dev.children import CannotStart, Child, Launch, end_leftover, tail
from gewu.dev.components import Component
from gewu.dev.ports import LOOPBACK

_STOP_S = 40.0  # a little more than the services' own bound
_POLL_S = 0.1
_QUOTED = 300


class Service:
    """A service that may be started, stopped, killed and started again; its port stays.

    `name` is the component's, or a replica's own.
    """

    def __init__(self, component: Component, name: str, port: int, folder: Path) -> None:
        self.component, self.name, self.port = component, name, port
        self._folder = folder
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """Where it logs."""
        return self._folder / "logs" / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its process while there is one."""
        return self._child.pid if self._child and self._child.exit_code is None else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs and before its first start; negative is the signal that ended it."""
        return self._child.exit_code if self._child else None

    async def spawn(self, variables: Mapping[str, str]) -> None:
        """Starts it and returns at once; what an earlier launcher left of it is ended first. Raises CannotStart."""
        pids, logs = self._folder / "pids", self._folder / "logs"
        for folder in (pids, logs):
            folder.mkdir(parents=True, exist_ok=True)
        pid_file = pids / f"{self.name}.pid"
        await end_leftover(pid_file)
        command = (_program(self.component.command[0]), *self.component.command[1:])
        self._child = Child(Launch(command, self.log, pid_file, self._folder, {**_surroundings(), **variables}))

    async def until_ready(self, deadline_s: float) -> None:
        """Returns when /readyz says 200. Raises CannotStart, with what is red and the log's end, where it does not."""
        end, red = time.monotonic() + deadline_s, "it never answered"
        while self.pid is not None and time.monotonic() < end:
            red = await asyncio.to_thread(_red, self.url)
            if not red and self.pid is not None:
                return
            await asyncio.sleep(_POLL_S)
        how = f"is not ready after {deadline_s:.0f} s ({red})" if self.pid else f"ended with code {self.exit_code}"
        raise CannotStart(f"{self.name} {how}. {self.last_words()}")

    def last_words(self) -> str:
        """Where it logs and the end of that, for an error message; a traceback within a line of JSON is cut."""
        lines = [line if len(line) <= _QUOTED else f"{line[:_QUOTED]} …" for line in tail(self.log).splitlines()]
        return "\n".join([f"The end of {self.log}:", *lines])

    async def stop(self) -> int | None:
        """Asks it to end (SIGTERM), kills it where it does not; returns its exit code."""
        if self._child:
            await self._child.stop(signal.SIGTERM, _STOP_S)
        return self.exit_code

    async def kill(self) -> None:
        """SIGKILL."""
        if self._child:
            await self._child.kill()

    def pause(self) -> None:
        """Freezes it (SIGSTOP)."""
        if self._child:
            self._child.pause()

    def resume(self) -> None:
        """Lets it go on."""
        if self._child:
            self._child.resume()


def _program(name: str) -> str:
    """`python` is the interpreter that runs us, which has the services installed; others stand beside it."""
    if name == "python":
        return sys.executable
    return shutil.which(name, path=str(Path(sys.executable).parent)) or name


def _surroundings() -> dict[str, str]:
    """Our environment without GEWU_*: a variable of the user's shell must not reach into a service unseen."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GEWU_")}


def _red(url: str) -> str:
    """What keeps it from being ready, "" when nothing does."""
    import http.client

    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return "it does not answer"
    finally:
        connection.close()
    if answer.status == 200:
        return ""
    try:
        return "; ".join(f"{name}: {why}" for name, why in json.loads(body)["red"].items())
    except (ValueError, KeyError, AttributeError):
        return f"/readyz says {answer.status}"
