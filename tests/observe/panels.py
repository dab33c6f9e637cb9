"""The dashboard's panels as Grafana has them, with what it fills in before it asks."""

import hashlib
import json
from dataclasses import dataclass

from tests.observe.prometheus import ROOT, WINDOW

DASHBOARD = ROOT / "deploy/grafana/dashboards/journey.json"


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of a row; queries with their legends."""

    row: str
    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def read(window: str = WINDOW) -> list[Panel]:
    """Every panel, in order, for all lanes."""
    row, found = "", []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
            continue
        queries = tuple((filled(t["expr"], window), t["legendFormat"]) for t in panel["targets"])
        found.append(Panel(row, panel["title"], panel["fieldConfig"]["defaults"]["unit"], queries))
    return found


def fingerprint() -> str:
    """Of all that the panels ask and say: another one, and what was drawn of them is of another dashboard."""
    return f"dashboard {hashlib.sha256(repr(read()).encode()).hexdigest()}"


def filled(query: str, window: str) -> str:
    """What Prometheus is asked."""
    lanes = next(v for v in json.loads(DASHBOARD.read_text())["templating"]["list"] if v["name"] == "lane")["allValue"]
    return query.replace("$__rate_interval", window).replace("$lane", lanes)
