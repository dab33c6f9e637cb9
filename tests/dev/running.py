"""`gewu dev` as a process of its own, with a day that is small enough for a test."""

import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The whole command; only the day is smaller than people's.
COMMAND = """
import sys
from functools import partial
from gewu.cli import main
from gewu.dev import launcher
launcher.Options = partial(launcher.Options, reports=400)
sys.exit(main(["dev", "--data", *sys.argv[1:]]))
"""
START_S = 240.0  # the first start of all fetches jars
Launch = Callable[..., subprocess.Popen[str]]


def read_until(launcher: subprocess.Popen[str], word: str) -> str:
    """What it printed up to the line with this word."""
    assert launcher.stdout
    lines = []
    for line in launcher.stdout:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError(f"it ended with {launcher.wait()} before it said {word!r}:\n{''.join(lines)}")
