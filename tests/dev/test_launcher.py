"""`gewu dev` as a process: it runs a day, judges the books, and leaves nothing behind, however it ends."""

import asyncio
import io
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from rich.console import Console

from gewu.city import load
from gewu.dev import processes, screen
from gewu.dev.books import Snapshot
from gewu.dev.children import CannotStart
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.launcher import FAILED, Options, _addresses, _end
from gewu.dev.launcher import launch as run_the_launcher
from gewu.dev.processes import Process
from gewu.dev.replay import Tally
from gewu.dev.stack import Stack
from gewu.dev.view import Lines, Scene
from tests.dev.running import COMMAND, ROOT, START_S, Launch, read_until
from tests.support import shared

DEMO = ROOT / "cities" / "demo"


def family(launcher: subprocess.Popen[str]) -> tuple[Process, ...]:
    """The launcher's children, and theirs."""
    found = processes.family(processes.find(launcher.pid))[1:]  # type: ignore[arg-type]
    assert len(found) >= 4  # Kafka, PostgreSQL, intake, dispatch
    return found


def gone(family: tuple[Process, ...], within: float = 10.0) -> bool:
    """Whether none of them runs any more."""
    end = time.monotonic() + within
    while any(map(processes.is_running, family)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(processes.is_running, family))


def test_a_day_then_kill_9_then_the_next_start_goes_on(launch: Launch, tmp_path: Path) -> None:
    data = tmp_path / "run"
    first = launch(data, "--seconds", 3)
    said = first.communicate(timeout=START_S)[0]
    assert first.returncode == 0, said
    assert "the books balance" in said and "day 1" in said
    found = re.search(
        r"grids +([\d,]+) cases searched again, 0 of another.*\n.*routes +([\d,]+) cases routed again, ([\d,]+) that",
        said,
    )
    assert found, said
    searched, routed, given_back = (int(number.replace(",", "")) for number in found.groups())
    assert searched == routed + given_back > 0, (
        "every case is where and whose the package says, but for what was given back"
    )

    killed = launch(data)
    said = read_until(killed, "replaying day 2")
    assert "counts continue" in said
    children = family(killed)
    killed.send_signal(signal.SIGKILL)
    assert gone(children)

    stopped = launch(data, "--seconds", 3, "--stay")
    said = read_until(stopped, "the system stays up")
    assert "counts continue" in said and "replaying day 3" in said
    assert "reads 3 ledgers" in said and "the books balance" in said, said
    children = family(stopped)
    stopped.send_signal(signal.SIGTERM)
    said = stopped.communicate(timeout=60)[0]
    assert stopped.returncode == 0, said
    assert "summary" in said and gone(children, 0.0)


def test_a_day_has_all_that_people_are_told_of_it(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if models := shared.models():
        monkeypatch.setenv("GEWU_MODELS", str(models))
    run = launch(tmp_path / "run", "--seconds", 50)
    said = run.communicate(timeout=START_S)[0]
    assert run.returncode == 0, said
    assert said.index("a camera shows fire-lane.mp4") < said.index("the day is sent") < said.index("the books balance")
    clips = re.findall(r"a camera shows ([\w-]+)\.mp4", said)
    assert sorted(clips) == ["fire-lane", "street-corner"], said
    assert ("cameras see motion only" in said) == (models is None), said
    if models:
        assert _number("detections 识别", said) == 2, "the fire lane that is blocked, and the heap of rubbish"
    assert _number("moves 应答", said) > 50, "departments answer"
    assert int(re.search(r"notices sent 通知 +\d+ +(\d+) of them in p0", said)[1]) > 0, "the fire's, among others"
    assert re.search(r"drills 演练 +1 +of the canary, 1 heard", said), said


def _number(name: str, said: str) -> int:
    found = re.search(rf"{name} +(\d+)", said)
    assert found, said
    return int(found[1])


async def test_a_stop_is_said_again_to_what_swallows_it() -> None:
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await _end(task)
    assert task.cancelled() and swallowed == 2


def test_a_stop_while_it_starts_is_clean(launch: Launch, tmp_path: Path) -> None:
    launcher = launch(tmp_path / "run")
    read_until(launcher, "topics are as")
    children = processes.family(processes.find(launcher.pid))[1:]  # type: ignore[arg-type]
    launcher.send_signal(signal.SIGINT)
    said = launcher.communicate(timeout=60)[0]
    assert launcher.returncode == 0, said
    assert children and gone(children, 0.0)


def test_a_service_that_falls_ends_all_with_its_log(launch: Launch, tmp_path: Path) -> None:
    launcher = launch(tmp_path / "run", "--seconds", 60)
    read_until(launcher, "replaying day 1")
    children = family(launcher)
    pid, _ = (tmp_path / "run" / "pids" / "dispatch.pid").read_text().split()
    (dispatch,) = (process for process in children if process.pid == int(pid))
    processes.send([dispatch], signal.SIGKILL)
    said = launcher.communicate(timeout=60)[0]
    assert launcher.returncode == 1, said
    assert "dispatch ended with code -9" in said and gone(children, 0.0)


def _addresses_are_whole(addresses: dict[str, str], stack: Stack) -> None:
    """Everything that answers has its address, none is cut on the smallest screen, and no password stands there."""
    paper = Console(record=True, width=screen.WIDTH, height=screen.HEIGHT, file=io.StringIO(), force_terminal=True)
    drawn = screen.Screen(Console(file=io.StringIO()))
    drawn.begin(Scene(load(DEMO), Snapshot(), addresses, Tally()))
    for n in range(3):
        drawn.say(f"message {n}")
    drawn.show(0.0, Snapshot())
    paper.print(drawn.drawn())
    drawn.end()
    text = paper.export_text()
    # This test's folder has a longer name than people's.
    short = [said for said in addresses.values() if str(stack.data) not in said]
    wanted = [*(s.url for s in stack.services.values()), stack.kafka.bootstrap, stack.mqtt.url, *short, "message 2"]
    assert [one for one in wanted if one not in text] == []
    assert str(stack.postgres.dsn()).partition("@")[2].partition("/")[0] in addresses["servers 服务器"]
    lines: list[str] = []
    Lines(lines.append).begin(Scene(load(DEMO), Snapshot(), addresses, Tally()))
    for name, address in addresses.items():
        (line,) = (one for one in lines if one.startswith(f"  {name}  "))
        assert line.endswith(f" {address}"), "what answers stands apart from its name"
    password = urlsplit(stack.dsn).password
    assert not password or password not in text


async def test_a_stack_for_tests_that_break_it(tmp_path: Path) -> None:
    """What the fault tests rely on: kill, stop and start a service by name; addresses and keys stay."""
    async with Stack(tmp_path / "run", DEMO, kafka_settings=QUICK_RETURN) as stack:
        url, pid = stack.dispatch_url, stack.services["dispatch"].pid
        assert await asyncio.to_thread(cases, url, stack.ops_key) == 200
        assert await asyncio.to_thread(cases, url, stack.report_key) in (401, 403)
        _addresses_are_whole(_addresses(stack), stack)

        await stack.kill("dispatch")
        assert stack.services["dispatch"].pid is None and stack.fallen() == []
        with pytest.raises(CannotStart, match="GEWU_PARKING_LIMIT"):
            await stack.launch("dispatch", {"GEWU_PARKING_LIMIT": "none"})
        await stack.launch("dispatch", {"GEWU_LOG_LEVEL": "debug"})
        assert stack.dispatch_url == url and stack.services["dispatch"].pid not in (None, pid)
        assert await asyncio.to_thread(cases, url, stack.ops_key) == 200

        second = await stack.launch("dispatch", replica="dispatch-2")
        assert second.port != stack.services["dispatch"].port
        assert await stack.end("dispatch-2") == 0
        assert await stack.end("intake") == 0

        with pytest.raises(CannotStart, match="another launcher"):
            await Stack(tmp_path / "run", DEMO).start()
        secrets = tmp_path / "run" / "secrets"
        assert secrets.stat().st_mode & 0o777 == 0o700
        assert all(file.stat().st_mode & 0o077 == 0 for file in (secrets / "keys.json", tmp_path / "run" / "env"))
        assert {key["id"] for key in json.loads((secrets / "keys.json").read_text())} == {"replay", "ops", "canary"}


def cases(url: str, key: str) -> int:
    """The status of a question for cases."""
    request = urllib.request.Request(f"{url}/v1/cases", headers={"authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_make_killed_outright_takes_everything_with_it(tmp_path: Path) -> None:
    data, makefile = tmp_path / "data", tmp_path / "Makefile"
    (tmp_path / "run.py").write_text(COMMAND)
    makefile.write_text(f"run:\n\t@exec {sys.executable} {tmp_path}/run.py {data} --seconds 600\n")
    command = ["make", "-f", str(makefile), "run"]
    made = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        read_until(made, "replaying day")
        family = processes.family(processes.find(made.pid))
        assert len(family) > 6, "make, the launcher, Kafka, PostgreSQL with its workers, and the services"
    finally:
        made.kill()
        made.wait()
    end = time.monotonic() + 60
    while time.monotonic() < end and any(processes.is_running(p) for p in family):
        time.sleep(0.2)
    assert not [p for p in family if processes.is_running(p)]


async def test_without_the_departments_package_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("gewu.dev.launcher.find_spec", lambda name: None)
    assert await run_the_launcher(Options(DEMO, tmp_path / "run"), Lines(said.append)) == FAILED
    assert any("pip install ./sdk" in line for line in said), said
