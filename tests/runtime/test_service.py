"""A service's life: it answers from the first moment, says why it is not ready, and stops in order and in time."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gewu.dev.ports import free_ports
from gewu.dev.stack import Stack
from gewu.runtime import problem, service
from gewu.runtime.health import Health
from tests.runtime.tiny import BOUND_S, FEW
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
LATE_S = BOUND_S + 1.0  # a process needs a moment to go


class Tiny:
    """The tiny service as a child process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, session: aiohttp.ClientSession) -> None:
        self.process, self.port, self.session = process, port, session
        self.said: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            self.said.append(line.decode().strip())

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and body; (0, "") while nobody answers."""
        try:
            async with self.session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
                body = await (answer.json() if "json" in answer.content_type else answer.text())
                return answer.status, body
        except aiohttp.ClientConnectionError:
            return 0, ""

    async def is_at(self, path: str, status: int) -> Any:
        """The body as soon as this path answers with this status."""

        async def look() -> Any:
            found = await self.get(path)
            return found if found[0] == status else None

        return (await until(look, 10.0, f"{status} at {path}"))[1]

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Seconds from the signal to the end."""
        began = time.monotonic()
        self.process.send_signal(number)
        return await self.ended() - began

    async def ended(self) -> float:
        """When it was over."""
        await asyncio.wait_for(self.process.wait(), LATE_S + 1.0)
        await self._reading
        return time.monotonic()


@asynccontextmanager
async def _tiny(mode: str) -> AsyncIterator[Tiny]:
    port = free_ports(1)[0]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.runtime.tiny", mode, str(port), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with aiohttp.ClientSession() as session:
        try:
            yield Tiny(process, port, session)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_it_answers_while_it_starts_and_says_what_it_waits_for() -> None:
    async with _tiny("slow") as tiny:
        assert await tiny.is_at("/livez", 200) == "ok\n"
        await until(lambda: _has(tiny, "slow starts"))
        assert await tiny.get("/readyz") == (503, {"ready": False, "red": {"start": "starting slow"}})
        assert (await tiny.get("/metrics"))[0] == 200
        assert await tiny.stop() < LATE_S, "a stop does not wait for a start"
        assert tiny.said == ["first starts", "slow starts", "slow stops", "first stops", "ended"]


async def _has(tiny: Tiny, word: str) -> bool:
    return word in tiny.said


async def test_it_is_ready_once_every_part_has_started_and_stops_them_in_reverse() -> None:
    async with _tiny("fine") as tiny:
        assert await tiny.is_at("/readyz", 200) == {"ready": True, "red": {}}
        assert await tiny.stop() < LATE_S
        assert tiny.process.returncode == 0
        assert tiny.said == ["first starts", "last starts", "last stops", "first stops", "ended"]


async def test_ctrl_c_stops_it_as_well() -> None:
    async with _tiny("loops") as tiny:
        await tiny.is_at("/readyz", 200)
        assert await tiny.stop(signal.SIGINT) < LATE_S
        assert tiny.process.returncode == 0 and tiny.said[-1] == "ended"


@pytest.mark.parametrize(
    ("mode", "red"),
    [("red", {"database": "is away"}), ("dies", {"worker": "ended: RuntimeError('no luck'); restart this process"})],
)
async def test_it_is_not_ready_while_a_part_cannot_work_and_says_why(mode: str, red: dict[str, str]) -> None:
    async with _tiny(mode) as tiny:
        await until(lambda: _has(tiny, "last starts"))
        assert await tiny.is_at("/readyz", 503)
        assert await until(lambda: _red(tiny, red), what="the reason") and (await tiny.get("/livez"))[0] == 200
        assert await tiny.stop() < LATE_S


async def test_what_it_does_without_is_said_and_it_is_ready_all_the_same() -> None:
    async with _tiny("lacks") as tiny:
        found = await tiny.is_at("/readyz", 200)
        assert found == {"ready": True, "red": {}, "without": {"pictures": "no masker"}}
        assert await tiny.stop() < LATE_S


async def _red(tiny: Tiny, red: dict[str, str]) -> bool:
    return (await tiny.get("/readyz"))[1] == {"ready": False, "red": red}


async def test_a_part_that_cannot_start_ends_it_and_those_before_it_are_stopped() -> None:
    async with _tiny("broken") as tiny:
        await tiny.ended()
        assert tiny.process.returncode == 1
        assert tiny.said == ["first starts", "broken stops", "first stops"]
        assert tiny.process.stderr and b"no luck" in await tiny.process.stderr.read()


async def test_a_request_under_way_is_answered_before_the_parts_that_it_needs_stop() -> None:
    async with _tiny("fine") as tiny:
        await tiny.is_at("/readyz", 200)
        asked = asyncio.create_task(tiny.get("/slow"))
        await until(lambda: _has(tiny, "request begins"))
        assert await tiny.stop() < LATE_S
        assert await asked == (200, "done")
        assert tiny.said[2:] == ["request begins", "request ends", "last stops", "first stops", "ended"]


@pytest.mark.parametrize("mode", ["hangs", "stubborn"])
async def test_a_part_that_does_not_stop_costs_its_share_and_the_others_stop_all_the_same(mode: str) -> None:
    async with _tiny(mode) as tiny:
        await tiny.is_at("/readyz", 200)
        assert await tiny.stop() < LATE_S
        assert "last stops" in tiny.said and "first stops" in tiny.said


async def test_many_parts_that_do_not_stop_are_still_over_within_the_bound() -> None:
    async with _tiny("all hang") as tiny:
        await tiny.is_at("/readyz", 200)
        assert await tiny.stop() < LATE_S


async def test_a_port_that_is_taken_ends_it_with_an_error() -> None:
    async with _tiny("fine") as first:
        await first.is_at("/readyz", 200)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.runtime.tiny", "fine", str(first.port), cwd=ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode != 0
        assert (await first.get("/readyz"))[0] == 200


async def test_a_request_too_many_is_refused_as_a_problem_counted_and_taken_again_once_there_is_room() -> None:
    async with _tiny("busy") as tiny:
        await tiny.is_at("/readyz", 200)
        others = [await asyncio.open_connection("127.0.0.1", tiny.port) for _ in range(FEW)]
        statuses: list[int] = []

        async def refusal() -> Any:
            async with tiny.session.get(f"http://127.0.0.1:{tiny.port}/readyz") as answer:
                statuses.append(answer.status)
                return answer.status == 503 and (answer.headers, await answer.json(content_type=problem.TYPE))

        headers, said = await until(refusal, what="a refusal")
        assert said == {
            "type": "urn:gewu:problem:overloaded", "title": "too many requests at once", "status": 503, "code": "overloaded",
            "detail": "it was not taken: send it again after Retry-After", "errors": [], "id": "",
        }  # fmt: skip
        assert 1 <= int(headers["retry-after"]) <= 30
        async with tiny.session.get(
            f"http://127.0.0.1:{tiny.port}/livez"
        ) as answer:  # full, and not to be ended for that
            assert (answer.status, answer.headers["connection"]) == (200, "close")
        async with tiny.session.get(f"http://127.0.0.1:{tiny.port}/metrics") as answer:
            assert answer.status == 200 and answer.headers["connection"] == "close"
            assert f"\ngewu_http_turned_away_total {statuses.count(503)}.0\n" in await answer.text()
        for _, writer in others:
            writer.close()
        assert await tiny.is_at("/livez", 200) == "ok\n"


@pytest.mark.parametrize("program", ["gewu_intake", "gewu_dispatch"])
async def test_a_service_with_wrong_settings_names_them_all_and_ends_with_2(program: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", program, env={"GEWU_HTTP_PORT": "x", "GEWU_KAFKA_BOOTSTRAP": "k.example.org:1", "GEWU_ODD": "1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    for words in (b"GEWU_HTTP_PORT='x'", b"GEWU_KAFKA_CA_FILE", b"GEWU_ODD is not a setting", b"GEWU_CITY is not set"):
        assert words in said
    assert b"Traceback" not in said


async def test_a_log_level_that_is_none_is_a_wrong_setting(tmp_path: Path, demo: Path) -> None:
    (secret := tmp_path / "link").write_bytes(b"x" * 48)
    said = {
        "GEWU_KAFKA_BOOTSTRAP": "127.0.0.1:1", "GEWU_CITY": str(demo), "GEWU_KEYS_FILE": str(tmp_path / "keys.json"),
        "GEWU_LINK_SECRET_FILE": str(secret), "GEWU_STATUS_URL": "http://127.0.0.1:1", "GEWU_LOG_LEVEL": "loud",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gewu_intake", env=said, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2 and b"GEWU_LOG_LEVEL='loud'" in errors


async def test_intake_stops_in_time_and_starts_again(stack: Stack) -> None:
    replica = await stack.launch("intake", replica="intake-life")
    began = time.monotonic()
    assert await stack.end("intake-life") == 0
    assert time.monotonic() - began < service.STOP_S / 2
    assert replica.pid is None
    await stack.launch("intake", replica="intake-life")
    assert await stack.end("intake-life") == 0


def _clock(at: list[float]) -> Callable[[], float]:
    return lambda: at[0]


def test_a_fault_is_red_only_after_its_patience_and_the_shorter_one_holds() -> None:
    health = Health(_clock(at := [0.0]))
    health.bad("producer", "no broker", 5.0)
    assert health.red() == {}
    at[0] = 4.0
    health.bad("producer", "still no broker", 5.0)
    assert health.red() == {}, "renewing does not start the clock again"
    at[0] = 5.0
    assert health.red() == {"producer": "still no broker"}
    health.good("producer")
    health.bad("producer", "again", 5.0)
    assert health.red() == {}
    health.bad("producer", "for good")
    assert health.red() == {"producer": "for good"}
    health.good("nothing")
