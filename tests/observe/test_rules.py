"""The alerts as files: they parse, fire when they should and not before, and each has its page."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gewu.runtime.outbox import SHARDS
from tests.observe import panels
from tests.observe.prometheus import PRODUCT, ROOT
from tests.support import catalogue
from tests.test_docs import _anchors

RUNBOOK = ROOT / "docs/runbook.md"


def rules(text: str) -> list[dict[str, Any]]:
    """Every rule of a rule file."""
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


ALERTS = rules((PRODUCT / "alerts.yml").read_text())
NAMES = [alert["alert"] for alert in ALERTS]


def _run(*words: str) -> str:
    done = subprocess.run(words, cwd=PRODUCT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_has_nothing_against_configuration_and_rules(promtool: str) -> None:
    _run(promtool, "check", "config", "prometheus.yml")
    assert f"{len(ALERTS)} rules found" in _run(promtool, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")


def test_every_alert_is_quiet_when_all_is_well_and_fires_when_it_is_not(promtool: str) -> None:
    _run(promtool, "test", "rules", "alerts_test.yml")
    tried = yaml.safe_load((PRODUCT / "alerts_test.yml").read_text())["tests"]
    seen = {(case["alertname"], bool(case["exp_alerts"])) for test in tried for case in test["alert_rule_test"]}
    assert seen == {(name, fires) for name in NAMES for fires in (False, True)}


def test_a_rule_that_never_fires_fails_its_test(promtool: str, tmp_path: Path) -> None:
    for file in ("alerts.yml", "alerts_test.yml"):
        (tmp_path / file).write_text((PRODUCT / file).read_text().replace("gewu_ready == 0", "gewu_ready == 2"))
    done = subprocess.run([promtool, "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0 and "GewuNotReady" in done.stdout + done.stderr


def branches() -> list[tuple[str, str]]:
    """The sides of each `or`, with their alert's name."""
    found = [(a["alert"], re.split(r"(?:^|\s+)or\s+", a["expr"])) for a in ALERTS]
    return [(name, side.strip()) for name, sides in found if len(sides) > 1 for side in sides]


@pytest.mark.parametrize(("name", "branch"), branches())
def test_every_branch_of_an_alert_has_a_case_that_fails_without_it(
    promtool: str, tmp_path: Path, name: str, branch: str
) -> None:
    text, tests = (PRODUCT / "alerts.yml").read_text(), yaml.safe_load((PRODUCT / "alerts_test.yml").read_text())
    assert text.count(branch) == 1
    (tmp_path / "alerts.yml").write_text(text.replace(branch, "(vector(0) > 1)"))
    tests["tests"] = [
        test for test in tests["tests"] if name in {case["alertname"] for case in test["alert_rule_test"]}
    ]
    (tmp_path / "alerts_test.yml").write_text(yaml.safe_dump(tests))
    done = subprocess.run([promtool, "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0 and f"alertname: {name}," in done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_every_alert_names_its_stage_and_leads_to_its_page(alert: dict[str, Any]) -> None:
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    assert anchor == alert["alert"].lower() and ROOT / page == RUNBOOK and anchor in _anchors(RUNBOOK)
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["labels"]["stage"] in (
        "services",
        "doors",
        "broker",
        "dispatch",
        "outbox",
        "notices",
        "books",
        "journey",
        "video",
    )
    part = re.search(rf"^### {alert['alert']}\n(.*?)(?=^##|\Z)", RUNBOOK.read_text(), re.M | re.S)
    assert part and all(f"**{word}**" in part[1] for word in ("Means", "Look", "Do")), alert["alert"]


def test_the_runbook_has_no_page_for_an_alert_that_is_not_there() -> None:
    assert re.findall(r"^### (Gewu\w+)$", RUNBOOK.read_text(), re.M) == NAMES


def astray(text: str) -> list[str]:
    """Panels that a page names, by how their titles begin, and that the dashboard lacks."""
    titles = [panel.title for panel in panels.read()]
    named = [" ".join(name.split()) for name in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", text)]
    return [name for name in named if not any(title.startswith(name) for title in titles)]


def test_every_panel_that_the_runbook_names_is_on_the_dashboard() -> None:
    assert astray(RUNBOOK.read_text()) == []
    assert astray("panel *Fired, by reason*, *Refused,\nby reason*, *lost*, **Look**") == ["Fired, by reason"]


def test_the_drawing_of_the_panels_is_of_this_dashboard() -> None:
    drawn = (ROOT / "docs/panels.svg").read_text()
    assert f"<desc>{panels.fingerprint()}</desc>" in drawn, "draw it again: make panels"


def test_alerts_ask_only_for_metrics_that_there_are_and_their_labels() -> None:
    known = {e.name: {*e.labels, "job", "instance", "le"} for s in catalogue.SERVICES for e in catalogue.entries(s)}
    for alert in ALERTS:
        asked = re.findall(r"(gewu_\w+?)(?:_bucket)?\b(?:\{([^}]*)\})?(?=[\[\s)]|$)", alert["expr"])
        assert asked or "up{" in alert["expr"], alert
        for name, labels in asked:
            assert set(re.findall(r"(\w+)(?:=|!)", re.sub(r'"[^"]*"', "", labels))) <= known[name], (alert, name)


def late(worries: Mapping[str, str]) -> set[tuple[str, str]]:
    """Alerts that fire at less than what the catalogue says to worry at, with their metric."""
    found = set()
    for alert in ALERTS:
        for branch in re.split(r"(?:^|\s+)or\s+", alert["expr"]):
            bound = re.search(r"> ([\d.]+)$", branch)
            for name in re.findall(r"(gewu_\w+?)(?:_bucket)?\b[{\[)]", branch):
                worry = [float(number) for number in re.findall(r"bove ([\d.]+\d|\d)", worries[name])]
                if bound and worry and min(worry) > float(bound[1]):
                    found.add((alert["alert"], name))
    return found


def test_worrying_begins_no_later_than_the_alert() -> None:
    worries = {e.name: e.worry for s in catalogue.SERVICES for e in catalogue.entries(s)}
    assert late(worries) == set()
    later = {
        **worries,
        "gewu_relay_age_seconds": "above 3 s",
        "gewu_delivery_lag_seconds": "Above 11 s in p0, 30 s else",
    }
    assert late(later) == {
        ("GewuRelaySlow", "gewu_relay_age_seconds"),
        ("GewuDispatchLagging", "gewu_delivery_lag_seconds"),
    }


def test_the_number_of_shards_in_the_rule_is_the_codes() -> None:
    rule = next(a for a in ALERTS if a["alert"] == "GewuShardsUnheld")
    assert rule["expr"].endswith(f"< {SHARDS}")
