"""Wheels that a test wants one file of, or that must not stand among what every test has installed."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.shared import ROOT


def wheel(listed: str, without: str) -> Path:
    """The wheel that requirements/<listed>.txt names with its hash, fetched once into the cache of set-up.

    Where it cannot be had the test that asks is skipped, and fails in CI; `without`: what that means.
    """
    wanted = ROOT / "requirements" / f"{listed}.txt"
    cache = Path(os.environ.get("GEWU_CACHE", ROOT / ".gewu/cache")) / "wheels"
    cache.mkdir(parents=True, exist_ok=True)
    name, hash_ = wanted.read_text().splitlines()[-1].split()
    name = name.replace("==", "-")
    found = next(cache.glob(f"{name}-*.whl"), None)
    if found and hashlib.sha256(found.read_bytes()).hexdigest() == hash_.removeprefix("--hash=sha256:"):
        return found
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", folder]
        done = subprocess.run(
            [*pip, "--no-deps", "--require-hashes", "-r", str(wanted)], capture_output=True, text=True
        )
        if done.returncode != 0:
            missing = f"{name} cannot be had, so {without}: {done.stderr.strip()[-300:]}"
            pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
        (fresh,) = Path(folder).glob("*.whl")
        return fresh.replace(cache / fresh.name)
