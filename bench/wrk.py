"""wrk, the load generator: its script, its command line, and what it prints as numbers."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 256
INSTALL = "wrk is not installed: apt-get install wrk (Debian, Ubuntu), dnf install wrk (Fedora), brew install wrk"
_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw. Times in milliseconds; `faults` counts answers other than 2xx or 3xx and broken sockets."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    faults: int


class NoLoad(Exception):
    """wrk said something else than its report."""


def find() -> str | None:
    """Where wrk is; None where it is not installed."""
    return shutil.which("wrk")


def command(script: Path, url: str, seconds: float) -> tuple[str, ...]:
    """One thread is enough: it drives several times what one intake process answers."""
    return (
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--latency", "--timeout", "10s", "-s", str(script), url,
    )  # fmt: skip


def script(bodies: Sequence[bytes], headers: Mapping[str, str], pause_ms: tuple[int, int] | None = None) -> str:
    """Lua that sends these bodies in turn, formatted once at the start: an ordinary script would cost more than intake.

    pause_ms: from and to, how long a connection waits before each request, equally distributed; the rate is then
    bounded by the pause and not by the server.
    """
    texts = ",\n".join(_quoted(body) for body in bodies)
    head = ",".join(f'["{name}"]="{value}"' for name, value in headers.items())
    lines = [
        f"local bodies = {{\n{texts}}}",
        "local requests, turn = {}, 0",
        "init = function()",
        f'  for n, body in ipairs(bodies) do requests[n] = wrk.format("POST", nil, {{{head}}}, body) end',
        "end",
        "request = function() turn = turn % #requests + 1; return requests[turn] end",
    ]
    if pause_ms:
        lines.append(f"delay = function() return math.random({pause_ms[0]}, {pause_ms[1]}) end")
    return "\n".join(lines) + "\n"


def _quoted(body: bytes) -> str:
    # Lua 5.1's string escapes are decimal bytes; what is printable ASCII stays readable.
    said = (chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03d}" for b in body)
    return '"' + "".join(said) + '"'


def parse(said: str) -> Load:
    """The numbers of wrk's report; NoLoad where it is none."""
    counted = re.search(r"(\d+) requests in ", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    quantiles = {q: _milliseconds(said, q) for q in ("50%", "99%")}
    if not counted or not rate or None in quantiles.values():
        raise NoLoad(f"wrk did not report: {said.strip()[-500:] or 'it said nothing'}")
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    faults = (int(wrong[1]) if wrong else 0) + (sum(map(int, broken.groups())) if broken else 0)
    return Load(int(counted[1]), float(rate[1]), quantiles["50%"] or 0.0, quantiles["99%"] or 0.0, faults)


def _milliseconds(said: str, quantile: str) -> float | None:
    found = re.search(rf"^\s+{quantile}\s+([\d.]+)(us|ms|s|m|h)\s*$", said, re.M)
    return float(found[1]) * _MS[found[2]] if found else None


def pause_for(rate: float, latency_ms: float) -> tuple[int, int]:
    """The pauses under which CONNECTIONS connections together send at about this rate, each answer taking so long."""
    mean = max(CONNECTIONS / rate * 1000.0 - latency_ms, 1.0)
    return 0, max(round(2 * mean), 2)
