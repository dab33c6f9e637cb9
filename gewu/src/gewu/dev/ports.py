"""Free TCP ports on the loopback interface."""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15_000
_TRIES = 200


def free_ports(count: int) -> tuple[int, ...]:
    """Distinct ports that nobody listens on. Somebody may take one before it is used: be ready to ask again.

    They lie below the range that outgoing connections take theirs from: a stopped server's port from inside that range
    can be gone when it comes back, and a client that retries it can even end up connected to itself.
    """
    highest = _lowest_ephemeral() - 1
    found: list[int] = []
    for _ in range(_TRIES):
        port = random.randint(_LOWEST, highest)
        if port not in found and is_free(port):
            found.append(port)
        if len(found) == count:
            return tuple(found)
    raise OSError(f"no {count} free ports between {_LOWEST} and {highest} on {LOOPBACK}: end what holds them")


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: connections in TIME_WAIT, which a server's stop leaves behind, do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _lowest_ephemeral() -> int:
    lowest = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32_768
    return lowest if lowest > _LOWEST + 1_000 else 65_535
