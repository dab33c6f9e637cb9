"""The screen of a terminal: what is on it, when there is one, and that it gives the terminal back."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from gewu.city import load
from gewu.dev import screen
from gewu.dev.books import SIGNALS, Opened, Snapshot
from gewu.dev.measuring import Measured
from gewu.dev.replay import Tally
from gewu.dev.view import Scene
from gewu.runtime.positions import OUTCOMES, Books
from tests.dev.running import COMMAND, ROOT
from tests.support.album import Album

NOON = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)
CASE = Opened(NOON, 1, "matter:10998", "fire", "rule", "fire", 20, NOON)


def console(width: int = 150, height: int = 45) -> Console:
    return Console(record=True, width=width, height=height, file=io.StringIO(), force_terminal=True)


def shown(*looks: Snapshot, tally: Tally | None = None, measured: Measured | None = None) -> str:
    """What the last of these looks shows, as text."""
    paper = console()
    drawn = screen.Screen(console())
    drawn.begin(
        Scene(
            load(ROOT / "cities/demo"),
            Snapshot(),
            {"report 上报": "http://127.0.0.1:1/v1/reports"},
            tally or Tally(),
            measured or Measured(),
        )
    )
    for second, look in enumerate(looks):
        drawn.show(float(second), look)
    drawn.say("a message")
    paper.print(drawn.drawn())
    drawn.end()
    return paper.export_text()


def look(opened: int, parked: int = 0) -> Snapshot:
    """So many cases of fires, of which some wait."""
    outcomes = {**dict.fromkeys(OUTCOMES, 0), "opened": opened, "parked": parked}
    book = Books(SIGNALS[0], 0, 0, opened + parked, 0, outcomes)
    stages = {"told": {0.1: 90.0 * opened, 0.5: 100.0 * opened, float("inf"): 100.0 * opened}}
    return Snapshot(
        books={(SIGNALS[0], 0): book}, ends={(SIGNALS[0], 0): opened + parked + 7}, relayed={"fire": float(opened)},
        stages=stages, latest=(CASE,),
    )  # fmt: skip


def test_it_shows_lanes_stages_departments_cases_with_why_and_addresses() -> None:
    text = shown(look(0), look(40), tally=Tally(planned=100, accepted=47))
    lane = next(line for line in text.splitlines() if line.strip().startswith("p0"))
    assert lane.split()[1:3] == ["40", "40"] and "7" in lane.split(), "a rate, what was opened, what waits"
    assert "消防救援支队 Fire and Rescue" in text and "accepted 47 / 100" in text and "in flight 7" in text
    case = next(line for line in text.splitlines() if "火情烟雾 Fire or smoke" in line)
    assert "规则 fire" in case and "12:00:00" in case and "20" in case, (
        "the city's time, the rule, the signals behind it"
    )
    told = next(line for line in text.splitlines() if "told" in line and "ms" in line)
    assert "56ms" in told, "half of the ages lie below that"
    assert "http://127.0.0.1:1/v1/reports" in text


def test_it_shows_who_brings_signals() -> None:
    watched = replace(look(3), cameras={"seen": 1, "silent": 2, "missing": 0}, detections=5)
    text = shown(look(0), watched, tally=Tally(planned=100, accepted=47), measured=Measured(60, 31))
    assert re.search(r"reports +47 ", text) and re.search(r"readings +31 ", text)
    assert (
        re.search(r"cameras +1 of 3 ", text)
        and re.search(r"silent +2 ", text)
        and re.search(r"detections +5 ", text)
        and "missing" not in text
    )


def test_it_says_where_no_plate_is_read() -> None:
    assert "motion only" in shown(look(0), look(3)) and "motion only" not in shown(
        look(0), replace(look(3), plates=True)
    )


def test_what_is_parked_and_who_is_silent_is_named() -> None:
    text = shown(look(0), replace(look(3, parked=2), silent=("PostgreSQL",)))
    assert "parked 2" in text and "no answer: PostgreSQL" in text


@pytest.mark.parametrize(
    ("width", "height", "room"),
    [(150, 45, True), (screen.WIDTH, screen.HEIGHT, True), (80, 45, False), (150, 24, False)],
)
def test_a_small_terminal_gets_lines(width: int, height: int, room: bool) -> None:
    assert screen.fits(console(width, height)) is room
    assert not screen.fits(Console(file=io.StringIO(), width=width, height=height)), "and so does a pipe"


def test_in_a_terminal_a_run_takes_the_screen_and_gives_it_back(tmp_path: Path, album: Album) -> None:
    """A small day in a terminal of its own: the screen first, then the summary and the judge's word as lines."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 150, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    command = [sys.executable, "-c", COMMAND, str(tmp_path / "run"), "--seconds", "3"]
    album.follow(tmp_path / "run")
    run = subprocess.Popen(command, cwd=ROOT, stdin=there, stdout=there, stderr=there, env=environment)
    os.close(there)
    told = b""
    while True:
        try:
            more = os.read(here, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not more:
            break
        told += more
    os.close(here)
    assert run.wait() == 0, told[-2000:].decode(errors="replace")
    album.gather()
    taken, given_back = told.index(b"\x1b[?1049h"), told.index(b"\x1b[?1049l")
    assert taken < told.index("最新案件".encode()) < given_back < told.index(b"the books balance")
