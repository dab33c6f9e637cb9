"""What Prometheus sees of the running system: labels from closed lists, data in every panel, alerts that evaluate."""

import asyncio
import re
import runpy
import subprocess

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gewu.city import load
from gewu.dev.stack import Stack
from tests.observe import panels
from tests.observe.prometheus import ROOT, Prometheus, quick
from tests.observe.test_rules import ALERTS, NAMES
from tests.observe.traffic import Traffic
from tests.support import catalogue
from tests.support.waiting import until

PANELS = panels.read()


@pytest.fixture(scope="module")
async def observed(stack: Stack, prometheus: Prometheus) -> Prometheus:
    """A Prometheus that has watched some traffic of every kind that a client can make."""
    async with Traffic(stack, words=("manhole", "street light", "gas leak", "nobody knows this word")) as traffic:

        async def flowed() -> bool:
            whole = await prometheus.values("sum(rate(gewu_relay_event_age_seconds_count[10s])) > 5")
            told = await prometheus.values("sum(rate(gewu_notify_age_seconds_count[10s])) > 0")
            return traffic.accepted > 300 and bool(whole) and bool(told)

        await until(flowed, 60.0, "traffic all the way")
        await _knock(stack)
        # One more scrape, so that what was counted last is seen too.
        seen = await prometheus.now()

        async def newer() -> bool:
            return bool(await prometheus.values(f"min(timestamp(gewu_ready)) > {seen + 2}"))

        await until(newer, 30.0, "another scrape")
    return prometheus


async def _knock(stack: Stack) -> None:
    """Requests that get no further than the doors."""
    door = f"{stack.intake_url}/v1/reports"
    async with aiohttp.ClientSession() as session:
        words = [
            {"json": {}},
            {"data": b"{", "headers": {"content-type": "application/json"}},
            {"data": b"x", "headers": {"content-type": "text/<b>"}},
        ]
        for word in words:
            for key in ("", "Bearer nonsense", f"Bearer {stack.report_key}"):
                headers = {**word.get("headers", {}), **({"authorization": key} if key else {})}
                async with session.post(door, **{**word, "headers": headers}) as answer:
                    assert answer.status >= 400
        async with session.get(f"{door}?reason=mine") as answer:
            assert answer.status == 405


@pytest.mark.parametrize("service", catalogue.SERVICES)
async def test_every_label_has_its_value_from_a_closed_list(
    observed: Prometheus, stack: Stack, promtool: str, service: str
) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.services[service].url}/metrics") as answer:
        text = await answer.text()
    allowed, known = catalogue.allowed(load(stack.city)), {e.name for e in catalogue.entries(service)}
    found = {
        (label, value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for label, value in sample.labels.items()
    }
    assert len(found) > (20 if service == "canary" else 40)
    assert {(label, value) for label, value in found if value not in allowed.get(label, ())} == set()
    assert 'reason="other"} ' not in text.replace('reason="other"} 0.0', ""), "a reason that is on no list"
    families = {f"{f.name}_total" if f.type == "counter" else f.name for f in text_string_to_metric_families(text)}
    assert families == known, "the catalogue is all there is"
    lint = await asyncio.to_thread(_lint, promtool, text)
    assert lint.returncode == 0, lint.stdout + lint.stderr


async def test_what_is_turned_away_is_counted_by_reason(observed: Prometheus) -> None:
    found = dict(
        (labels["reason"], value)
        for labels, value in await observed.values('gewu_intake_refused_total{lane="none"}')
        if value
    )
    assert {"unknown_key", "wrong_type", "wrong_method", "not_json", "missing"} <= found.keys()


async def test_the_panel_of_refusals_shows_who_is_turned_away(observed: Prometheus, stack: Stack) -> None:
    query = next(query for p in PANELS if p.title == "Refused, by reason" for query, _ in p.queries)

    async def shown() -> bool:
        await _knock(stack)
        return {"unknown_key", "not_json"} <= {
            r.get("reason") for r, value in await observed.values(query) if value > 0
        }

    # Each reason's own line, not the sum at 0 that stands there while nobody is refused.
    await until(shown, 30.0, "refusals by their reasons")
    assert all(r.get("reason") for r, _ in await observed.values(query))


def _lint(promtool: str, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)


@pytest.mark.parametrize("panel", PANELS, ids=[f"{p.row}: {p.title}" for p in PANELS])
async def test_every_query_of_a_panel_returns_data(observed: Prometheus, panel: panels.Panel) -> None:
    for query, legend in panel.queries:
        found = await observed.ask("query_range", query=query, start=str(await observed.now() - 15), step="1",
                                   end=str(await observed.now()))  # fmt: skip
        numbers = [v for series in found["result"] for _, v in series["values"] if v != "NaN"]
        assert numbers, f"{legend}: {query}"


def unknown(asked: str) -> list[str]:
    """What a panel's query names and no service has: a metric, or a label of it to add up by."""
    known = {e.name: {*e.labels, "le"} for s in catalogue.SERVICES for e in catalogue.entries(s)}
    names = re.findall(r"(gewu_\w+?)(?:_bucket|_sum|_count)?\b", asked)
    labels = {"job", "instance", "stage"}.union(*(known.get(name, set()) for name in names))
    by = [word for words in re.findall(r"by \(([^)]*)\)", asked) for word in words.split(", ") if word]
    return [*(name for name in names if name not in known), *(word for word in by if word not in labels)]


def test_panels_ask_only_for_metrics_that_there_are_and_their_labels() -> None:
    # A query with a line at 0 for a quiet day has data even where its metric does not exist.
    assert [found for p in PANELS for query, _ in p.queries for found in unknown(query)] == []
    assert unknown("sum by (wy) (rate(gewu_mask_lost_total[1m])) or sum(gewu_mask_lots)") == ["gewu_mask_lots", "wy"]


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
async def test_every_alert_evaluates(observed: Prometheus, alert: dict[str, str]) -> None:
    groups = (await observed.ask("rules"))["groups"]
    rule = next(r for g in groups for r in g["rules"] if r["name"] == alert["alert"])
    assert (rule["health"], rule.get("lastError", "")) == ("ok", "")
    await observed.values(quick(alert["expr"]))


def test_the_dashboard_is_what_its_generator_makes() -> None:
    made = runpy.run_path(str(ROOT / "deploy/grafana/journey.py"))["as_text"]()
    assert panels.DASHBOARD.read_text() == made, "`python deploy/grafana/journey.py` writes it anew"


def test_the_dashboard_follows_a_signal_from_the_doors_to_who_is_told_of_it() -> None:
    rows = list(dict.fromkeys(p.row for p in PANELS))
    assert rows == [
        "The whole journey", "Doors", "Sensors", "Pictures", "Cameras", "Broker", "Dispatch", "Outbox", "Departments",
        "Notices", "Canary", "Books and parking",
    ]  # fmt: skip
    asked = " ".join(query for p in PANELS for query, _ in p.queries)
    shown = {
        e.name for s in catalogue.SERVICES for e in catalogue.entries(s) if e.name in asked or f"{e.name}_" in asked
    }
    assert len(shown) > 60
