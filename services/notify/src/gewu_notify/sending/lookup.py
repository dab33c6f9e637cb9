"""Names to addresses in threads of our own: a name server that hangs must not hold up what else the loop asks threads for."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

AT_ONCE = 32  # look-ups under way; a receiver has one at a time


class Lookup:
    """The machine's own resolver."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lookup")

    async def addresses(self, host: str, port: int) -> list[str]:
        """Every address of a name, IPv4 and IPv6; OSError where there is none."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _ask, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Wait for nothing: a thread that still asks ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _ask(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _, _, _, _, address in found]
