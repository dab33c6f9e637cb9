"""Alerts reach Alertmanager as the compose file has it, and go to the receiver that their severity names."""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from gewu.dev import ports
from gewu.dev.children import Child, Launch
from tests.observe.prometheus import Prometheus
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy/alertmanager/alertmanager.yml"
MISSING = "{} is not installed: apt-get install --no-install-recommends prometheus-alertmanager prometheus"


def tool(name: str) -> str:
    """Where a program of Debian's packages stands; without it the test is skipped, with CI set it fails."""
    if found := shutil.which(name):
        return found
    if os.environ.get("CI"):
        pytest.fail(MISSING.format(name))
    pytest.skip(MISSING.format(name))


def _routed(**labels: str) -> str:
    words = (f"{name}={value}" for name, value in labels.items())
    command = (tool("amtool"), "config", "routes", "test", f"--config.file={CONFIG}", *words)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_amtool_has_nothing_against_the_configuration(tmp_path: Path) -> None:
    assert subprocess.run([tool("amtool"), "check-config", CONFIG], capture_output=True).returncode == 0
    spoilt = tmp_path / "alertmanager.yml"
    spoilt.write_text(CONFIG.read_text().replace("receiver: page", "receiver: pager"))
    assert subprocess.run([tool("amtool"), "check-config", spoilt], capture_output=True).returncode != 0


def test_every_severity_of_our_alerts_has_its_receiver() -> None:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    severities = {rule["labels"]["severity"] for group in groups for rule in group["rules"]}
    assert {s: _routed(severity=s, stage="doors") for s in severities} == {s: s for s in severities}
    assert _routed(stage="doors") == "ticket", "one without a severity is not lost"


@pytest.fixture
async def alertmanager(tmp_path: Path) -> AsyncIterator[str]:
    """The compose file's command, run natively; yields its host and port."""
    program = tool("prometheus-alertmanager")
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["alertmanager"]
    here = {"/etc/alertmanager": str(CONFIG.parent), "=/alertmanager": f"={tmp_path}/kept"}
    words = [program]
    for word in service["command"]:
        for old, new in here.items():
            word = word.replace(old, new)
        words.append(word)
    address = f"{ports.LOOPBACK}:{ports.free_ports(1)[0]}"
    launch = Launch(
        (*words, f"--web.listen-address={address}"), tmp_path / "alertmanager.log", tmp_path / "alertmanager.pid",
        tmp_path, {},
    )  # fmt: skip
    child = Child(launch)
    try:
        yield address
    finally:
        await child.stop(timeout=10.0)


async def test_what_prometheus_finds_is_seen_in_alertmanager(alertmanager: str, tmp_path: Path) -> None:
    tool("prometheus")
    nobody = f"http://{ports.LOOPBACK}:{ports.free_ports(1)[0]}"  # services that do not answer
    targets = {"intake": nobody, "dispatch": nobody, "alertmanager": f"http://{alertmanager}"}
    query = [
        tool("amtool"),
        "alert",
        "query",
        f"--alertmanager.url=http://{alertmanager}",
        "--output=json",
        "--receiver=page",
    ]

    async def seen() -> set[str]:
        asked = subprocess.run(query, capture_output=True, text=True)  # noqa: ASYNC221
        alerts = json.loads(asked.stdout) if asked.returncode == 0 else []
        return {alert["labels"]["stage"] for alert in alerts if alert["labels"]["severity"] == "page"}

    async with Prometheus(tmp_path / "prometheus", targets):
        assert "services" in await until(seen, 30.0, "an alert about services that do not answer")
