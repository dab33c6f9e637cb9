"""Launchers that are started by a test and never outlive it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dev.running import COMMAND, ROOT, Launch
from tests.support.album import Album


@pytest.fixture
def launch(album: Album, tmp_path: Path) -> Iterator[Launch]:
    """Starts `gewu dev --data` with these words, and ends what a failed test left."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: object) -> subprocess.Popen[str]:
        album.follow(Path(str(words[0])))  # its stack is another process's
        command = [sys.executable, "-c", COMMAND, *map(str, words)]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return started[-1]

    yield begin
    for launcher in started:
        launcher.kill()
        launcher.wait()
        assert launcher.stdout
        launcher.stdout.close()
    album.gather()  # before tmp_path goes, which this fixture needs for that alone
