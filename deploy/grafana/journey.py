"""The dashboard of a signal's journey, as code: `python deploy/grafana/journey.py` writes dashboards/journey.json.

Rows follow a signal from the doors to its department and to who is told of it. Every query is run by tests/observe against a
real Prometheus.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "dashboards" / "journey.json"
_WIDTH, _HEIGHT = 8, 7  # three panels a row of Grafana's 24 columns
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_PROMETHEUS = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


@dataclass(frozen=True)
class Panel:
    """A title, what to see in it, a unit of Grafana's, and (query, legend) pairs."""

    title: str
    says: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    stacked: bool = False


def _rate(metric: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{where}}}[$__rate_interval]))"


def _quantile(q: float, metric: str, by: str = "", where: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {_rate(f'{metric}_bucket', labels, where)})"


def _lately(metric: str, by: str, within: str = "1h") -> str:
    return f"sum by ({by}) (increase({metric}[{within}]))"


def _seen(query: str, label: str, quiet: str) -> str:
    """Lines above 0 alone, of a label with many values; one at 0 while there is none."""
    return f'{query} > 0 or on() label_replace(vector(0), "{label}", "{quiet}", "", "")'


def _mean(metric: str, by: str, where: str = "") -> str:
    return f"{_rate(f'{metric}_sum', by, where)} / {_rate(f'{metric}_count', by, where)}"


_LANE, _PRODUCER = 'lane=~"$lane"', 'producer=~"$lane",job="intake"'
_TOPICS = 'topic=~"dispatch[.].*"'
# `or on()`: a line at 0 while there is nothing to show, and none beside what there is.
_FIRING = 'count by (stage) (ALERTS{alertstate="firing"}) or on() label_replace(vector(0), "stage", "none", "", "")'
_JOBS = 'job=~"intake|dispatch|video|notify|canary"'
_REFUSED = f"{_rate('gewu_intake_refused_total', 'reason')} > 0 or on() {_rate('gewu_intake_refused_total', '')}"

ROWS: dict[str, tuple[Panel, ...]] = {
    "The whole journey": (
        Panel("Reports acked, by lane", "What the broker has taken: the pulse of the city.", "reqps",
              ((_rate("gewu_producer_acked_total", "producer", _PRODUCER), "{{producer}}"),), True),
        Panel("Age at each hand-over, p99", "Where the time goes. The lines lie above one another in the order of the journey; "
              "a gap that opens names the stage.", "s", (
                  (_quantile(0.99, "gewu_producer_age_seconds", "", _PRODUCER), "received → acked"),
                  (_quantile(0.99, "gewu_delivery_age_seconds", "", _LANE), "received → committed"),
                  (_quantile(0.99, "gewu_relay_event_age_seconds", "", _LANE), "received → relayed"),
                  (_quantile(0.99, "gewu_relay_age_seconds", "", _LANE), "committed → relayed"))),
        Panel("What waits longest, by place", "The oldest of each queue; all near 0 when nothing is stuck.", "s", (
                  ('max(gewu_producer_oldest_waiting_seconds{producer=~"$lane"})', "for the broker"),
                  (f"max(gewu_delivery_lag_seconds{{{_LANE}}})", "in the log"),
                  (f"max(gewu_relay_oldest_unsent_seconds{{{_LANE}}})", "in the outbox"))),
        Panel("Services", "1: scraped, and ready.", "none", (
                  (f"min by (job) (gewu_ready or up{{{_JOBS}}})", "{{job}}"),)),
        Panel("Firing alerts", "By stage; the runbook has a page for each.", "none", (
                  (_FIRING, "{{stage}}"),)),
        Panel("Processor, by service", "Near 1 a process has its whole core.", "none",
              ((_rate("gewu_process_cpu_seconds_total", "job"), "{{job}}"),)),
    ),
    "Doors": (
        Panel("Requests, by status", "By door; 5xx and 429 are refusals.", "reqps",
              ((_rate("gewu_intake_requests_total", "door, status"), "{{door}} {{status}}"),), True),
        Panel("Reports, by answer", "What clients were told.", "reqps",
              ((_rate("gewu_intake_reports_total", "answer"), "{{answer}}"),)),
        Panel("Refused, by reason", "Who is turned away, and why.", "reqps",
              ((_REFUSED, "{{reason}}"), (_rate("gewu_http_turned_away_total", "job"), "{{job}}: no connection free"))),
        Panel("Time to the answer", "From the whole request, by door.", "s", (
                  (_quantile(0.5, "gewu_intake_answer_seconds", "door"), "{{door}} p50"),
                  (_quantile(0.99, "gewu_intake_answer_seconds", "door"), "{{door}} p99"))),
    ),
    "Sensors": (
        Panel("Readings, by answer", "Accepted: Kafka has them. Again: no ack, the broker says them once more.", "reqps",
              ((_rate("gewu_intake_readings_total", "answer"), "{{answer}}"),), True),
        Panel("Sensors' broker is heard", "1, for each intake that has a bridge.", "none",
              (("min by (instance) (gewu_intake_mqtt_up)", "{{instance}}"),)),
        Panel("Readings without an acknowledgement", "At the window (500) the broker sends no more.", "none",
              (("sum(gewu_intake_mqtt_unacked_readings)", "readings"),)),
        Panel("Readings refused in the last hour, by reason", "Devices, or the package, were changed.", "none", (
                  (_seen(_lately("gewu_intake_readings_refused_total", "reason"), "reason", "none"), "{{reason}}"),)),
        Panel("Readings, by what they meant", "Most are measured and no more.", "reqps", (
                  (_seen(_rate("gewu_dispatch_readings_total", "because"), "because", "none"), "{{because}}"),)),
        Panel("Sensors that fell silent, last hour", "A leap: something between them and us.", "none",
              (("sum(increase(gewu_dispatch_silent_sensors_total[1h]))", "sensors"),)),
    ),
    "Pictures": (
        Panel("Pictures in the last hour, by answer", "Stored, or why not.", "none", (
                  ('sum(increase(gewu_intake_pictures_total{answer="stored"}[1h]))', "stored"),
                  (_seen(_lately('gewu_intake_pictures_total{answer!="stored"}', "answer"), "answer", "none refused"),
                   "{{answer}}"))),
        Panel("Areas covered in the last hour", "Faces and plates; 0 all day while pictures come: it may be blind.", "none",
              (("sum(increase(gewu_mask_covered_total[1h]))", "areas"),)),
        Panel("Masker: there, busy, waiting", "Busy is seconds of work a second, 1 at most; 8 may wait.", "none", (
                  ("sum(gewu_mask_up)", "there"), ("sum(rate(gewu_mask_seconds_sum[$__rate_interval]))", "busy"),
                  ("sum(gewu_mask_waiting)", "pictures that wait"))),
        Panel("Masker's children killed in the last hour", "By why; somebody sends what breaks decoders.", "none",
              ((_lately("gewu_mask_lost_total", "why"), "{{why}}"),), True),
        Panel("Looks at pictures in the last hour", "By what became of them; each was noted first.", "none", (
                  (_seen(_lately("gewu_dispatch_views_total", "answer"), "answer", "none"), "{{answer}}"),)),
    ),
    "Cameras": (
        Panel("Cameras, by sight", "All seen, but files that were played to their end.", "none",
              (("sum by (sight) (gewu_video_cameras)", "{{sight}}"),), True),
        Panel("Age of the newest picture, by camera", "A child is killed at GEWU_CAMERA_FRAME_AGE, and started again.", "s",
              (("max by (camera) (gewu_video_frame_age_seconds)", "{{camera}}"),)),
        Panel("Pictures looked at, and left out", "Left out because a newer one came.", "reqps", (
                  ("sum(rate(gewu_video_pictures_total[$__rate_interval]))", "looked at"),
                  ("sum(rate(gewu_video_pictures_dropped_total[$__rate_interval]))", "left out"))),
        Panel("Plates counted in the last hour", "By camera; told by the quarter of an hour.", "none",
              ((_lately("gewu_video_plates_total", "camera"), "{{camera}}"),), True),
        Panel("Signals in the last hour, by answer", "Lost: too many waited.", "none", (
                  (_lately("gewu_video_signals_total", "kind, answer"), "{{kind}} {{answer}}"),
                  ("sum(gewu_video_signals_waiting)", "wait now"))),
        Panel("Children ended in the last hour", "By reason; played is the end of a file.", "none", (
                  (_seen(_lately("gewu_video_children_ended_total", "ended"), "ended", "none"), "{{ended}}"),)),
    ),
    "Broker": (
        Panel("Received and acked, by lane", "The two lie on one another; where they part, acks are missing.", "reqps", (
                  (_rate("gewu_producer_received_total", "producer", _PRODUCER), "{{producer}} received"),
                  (_rate("gewu_producer_acked_total", "producer", _PRODUCER), "{{producer}} acked"))),
        Panel("Received → acked, by lane", "A report's wait for the broker.", "s", (
                  (_quantile(0.5, "gewu_producer_age_seconds", "producer", _PRODUCER), "{{producer}} p50"),
                  (_quantile(0.99, "gewu_producer_age_seconds", "producer", _PRODUCER), "{{producer}} p99"))),
        Panel("A batch: records, by lane", "Grows with the load and with the time of an ack.", "none",
              ((_mean("gewu_producer_batch_records", "producer", _PRODUCER), "{{producer}}"),)),
        Panel("A batch: time to its ack, by lane", "The broker's part alone.", "s",
              ((_quantile(0.99, "gewu_producer_ack_seconds", "producer", _PRODUCER), "{{producer}} p99"),)),
        Panel("Bytes that wait, by lane", "At its bound (GEWU_BUFFER) a lane refuses.", "bytes",
              (('sum by (producer) (gewu_producer_waiting_bytes{producer=~"$lane"})', "{{producer}}"),), True),
        Panel("Not acked, by reason", "Of all producers; unknown means sent without an ack.", "reqps",
              ((_rate("gewu_producer_refused_total", "job, reason"), "{{job}} {{reason}}"),)),
        Panel("Producers rebuilt", "In the last ten minutes; each costs what was in flight an 'unknown'.", "none",
              (("sum by (job, producer) (increase(gewu_producer_rebuilds_total[10m]))", "{{job}} {{producer}}"),)),
    ),
    "Dispatch": (
        Panel("Records settled, by outcome", "What became of them.", "reqps",
              ((_rate("gewu_delivery_records_total", "outcome", _LANE), "{{outcome}}"),), True),
        Panel("Lag in records, by lane", "In the log behind the position.", "none",
              ((f"sum by (lane) (gewu_delivery_lag_records{{{_LANE}}})", "{{lane}}"),), True),
        Panel("Lag in seconds, by lane", "Age of the oldest record behind the position, to 5 s.", "s",
              ((f"max by (lane) (gewu_delivery_lag_seconds{{{_LANE}}})", "{{lane}}"),)),
        Panel("Received → committed, by lane", "Up to the transaction's commit.", "s", (
                  (_quantile(0.5, "gewu_delivery_age_seconds", "lane", _LANE), "{{lane}} p50"),
                  (_quantile(0.99, "gewu_delivery_age_seconds", "lane", _LANE), "{{lane}} p99"))),
        Panel("A batch: records, by lane", "Near the maximum of a poll we lag.", "none",
              ((_mean("gewu_delivery_batch_records", "lane", _LANE), "{{lane}}"),)),
        Panel("A batch: time, by lane", "Decode, transaction, commit.", "s",
              ((_quantile(0.99, "gewu_delivery_batch_seconds", "lane", _LANE), "{{lane}} p99"),)),
        Panel("Waits for joining's locks, by lane", "Two consumers in the same cells.", "s",
              ((_quantile(0.99, "gewu_dispatch_lock_wait_seconds", "lane", _LANE), "{{lane}} p99"),)),
        Panel("Stalled partitions, by reason", "Now; all at 0 when nothing is away.", "none",
              (("sum by (why) (gewu_delivery_stalled_partitions)", "{{why}}"),), True),
        Panel("Decisions, by reason", "Why cases were opened where, or joined.", "reqps",
              ((_rate("gewu_dispatch_decisions_total", "because"), "{{because}}"),), True),
        Panel("Partitions read, by lane", "All replicas together.", "none",
              ((f"sum by (lane) (gewu_delivery_partitions{{{_LANE}}})", "{{lane}}"),)),
    ),
    "Outbox": (
        Panel("Oldest unsent event, by lane", "The outbox's age.", "s",
              ((f"max by (lane) (gewu_relay_oldest_unsent_seconds{{{_LANE}}})", "{{lane}}"),)),
        Panel("Events that wait", "Counted up to 10,000.", "none", (("max(gewu_relay_unsent_events)", "events"),)),
        Panel("Committed → relayed, by lane", "From the decision to the broker's ack.", "s", (
                  (_quantile(0.5, "gewu_relay_age_seconds", "lane", _LANE), "{{lane}} p50"),
                  (_quantile(0.99, "gewu_relay_age_seconds", "lane", _LANE), "{{lane}} p99"))),
        Panel("Shards held, topics left out", "32 over all relays, and 0.", "none",
              (("sum(gewu_relay_shards)", "shards"), ("max(gewu_relay_topics_left_out)", "topics left out"))),
    ),
    "Departments": (
        Panel("Events, by department's topic", "What each hears.", "reqps",
              ((_rate("gewu_relay_events_total", "topic", _TOPICS), "{{topic}}"),), True),
        Panel("Received → relayed, by lane", "The whole way, once a case.", "s", (
                  (_quantile(0.5, "gewu_relay_event_age_seconds", "lane", _LANE), "{{lane}} p50"),
                  (_quantile(0.99, "gewu_relay_event_age_seconds", "lane", _LANE), "{{lane}} p99"))),
    ),
    "Notices": (
        Panel("Attempts, by how they ended", "Taken: the receiver has it.", "reqps", (
                  (_seen(_rate("gewu_notify_attempts_total", "kind"), "kind", "none"), "{{kind}}"),), True),
        Panel("Planned → taken", "Of those that were taken.", "s", (
                  (_quantile(0.5, "gewu_notify_age_seconds"), "p50"), (_quantile(0.99, "gewu_notify_age_seconds"), "p99"))),
        Panel("Lag of notify", "Age of the oldest change of a case that nobody has planned for.", "s",
              (('max(gewu_delivery_lag_seconds{lane="cases"})', "changes"),)),
        Panel("Notices that wait, by receiver", "In the ledger.", "none",
              (("max by (receiver) (gewu_notify_open_notices)", "{{receiver}}"),), True),
        Panel("Oldest notice that waits, by receiver", "Above ten minutes its receiver is away, or says no.", "s",
              (("max by (receiver) (gewu_notify_oldest_open_seconds)", "{{receiver}}"),)),
        Panel("Given up in the last day, by receiver", "Somebody was not told; `gewu notices list` has them.", "none",
              (("max by (receiver) (gewu_notify_failed_notices)", "{{receiver}}"),), True),
        Panel("Receivers left alone, or switched off", "1 while it is so.", "none", (
                  (_seen("max by (receiver) (gewu_notify_receiver_resting)", "receiver", "nobody"), "{{receiver}} left alone"),
                  (_seen("max by (receiver) (gewu_notify_receiver_disabled)", "receiver", "nobody"), "{{receiver}} off"))),
        Panel("Live feed: clients, and those cut off", "Cut off in the last ten minutes, by why.", "none", (
                  ("sum(gewu_live_clients)", "clients"), (_lately("gewu_live_ended_total", "why", "10m"), "{{why}}"))),
        Panel("Live feed: events, and deliveries", "Deliveries are events times clients.", "reqps", (
                  ("sum(rate(gewu_live_events_total[$__rate_interval]))", "events"),
                  ("sum(rate(gewu_live_deliveries_total[$__rate_interval]))", "deliveries"))),
    ),
    "Canary": (
        Panel("A drill's time to each station", "The mean of ten minutes: accepted, opened, acted, handled, told.", "s", (
                  (f"{_lately('gewu_canary_seconds_sum', 'station', '10m')} / "
                   f"{_lately('gewu_canary_seconds_count', 'station', '10m')}", "{{station}}"),)),
        Panel("Drills sent in the last ten minutes", "Ten; 0 means that nobody watches the line.", "none",
              (("sum(increase(gewu_canary_sent_total[10m]))", "drills"),)),
        Panel("Drills missing in the last hour, by station", "The line was broken before it.", "none",
              ((_lately("gewu_canary_missing_total", "station"), "{{station}}"),), True),
    ),
    "Books and parking": (
        Panel("Books: records since the beginning, by outcome", "PostgreSQL's own count.", "none",
              ((f"max by (outcome) (sum by (instance, outcome) (gewu_books_records{{{_LANE}}}))", "{{outcome}}"),), True),
        Panel("Books out of balance, by lane", "Position less outcomes: 0, always.", "none",
              (("max by (lane) (gewu_books_unbalanced_records)", "{{lane}}"),)),
        Panel("Parked in the last hour, by reason", "Of all lanes; `gewu parked list` has them.", "none",
              (("sum by (why) (increase(gewu_delivery_parked_total[1h]))", "{{why}}"),), True),
    ),
}  # fmt: skip


def dashboard() -> dict[str, Any]:
    """What Grafana reads."""
    lanes = [{"text": lane, "value": lane, "selected": False} for lane in ("p0", "p1", "p2", "p3")]
    lane = {
        "name": "lane", "type": "custom", "label": "lane", "query": "p0,p1,p2,p3", "includeAll": True,
        "allValue": "p[0-3]|actions", "multi": True, "current": {"text": "All", "value": "$__all"}, "options": lanes,
    }  # fmt: skip
    return {
        "uid": "gewu-journey", "title": "Gewu: the journey of a signal", "tags": ["gewu"], "schemaVersion": 39, "version": 1,
        "editable": True, "refresh": "15s", "time": {"from": "now-1h", "to": "now"}, "timezone": "browser",
        "templating": {"list": [_PROMETHEUS, lane]}, "annotations": {"list": []}, "panels": _laid_out(),
    }  # fmt: skip


def _laid_out() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    y = 0
    for title, panels in ROWS.items():
        found.append({"type": "row", "title": title, "collapsed": False, "panels": [], "id": len(found) + 1,
                      "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})  # fmt: skip
        y += 1
        for n, panel in enumerate(panels):
            place = {"x": n % 3 * _WIDTH, "y": y + n // 3 * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            found.append({**_drawn(panel), "id": len(found) + 1, "gridPos": place})
        y += (len(panels) + 2) // 3 * _HEIGHT
    return found


def _drawn(panel: Panel) -> dict[str, Any]:
    custom = {"fillOpacity": 20 if panel.stacked else 0, "stacking": {"mode": "normal" if panel.stacked else "none"}}
    return {
        "type": "timeseries", "title": panel.title, "description": panel.says, "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [
            {"refId": chr(ord("A") + n), "expr": query, "legendFormat": legend, "datasource": _DATASOURCE}
            for n, (query, legend) in enumerate(panel.queries)
        ],
    }  # fmt: skip


def as_text() -> str:
    """The file as it must stand."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OUT.write_text(as_text())
