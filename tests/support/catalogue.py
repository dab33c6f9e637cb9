"""The metric catalogue as the code has it: every metric of a service, every label with all its values, and their page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.utils import floatToGoString

import gewu
import gewu.canary.metrics
import gewu_dispatch.metrics
import gewu_intake.metrics
import gewu_notify.metrics
import gewu_video.metrics
from gewu import topics
from gewu.city import City
from gewu.errors import Why
from gewu.lane import Lane
from gewu.mask.client import Lost
from gewu.mask.metering import MaskMetrics
from gewu.runtime import instruments, positions, process
from gewu.runtime.health import Health
from gewu.runtime.metering import ProducerMetrics, Unacked
from gewu.runtime.metrics import DeliveryMetrics, RelayMetrics
from gewu_dispatch.domain import joining, routing, sensing
from gewu_dispatch.domain.plate import Kept
from gewu_dispatch.metrics import ACTIONS, Swept, Viewed
from gewu_intake.domain import reading
from gewu_intake.domain.admission import Shed
from gewu_intake.domain.report import Reject
from gewu_intake.metrics import ANSWERS, DOORS, NO_LANE, PICTURES, Refusal, Taken
from gewu_notify.consumer import CASES
from gewu_notify.domain import attempt, plan
from gewu_video.domain.pauses import Knock
from gewu_video.domain.plates import Asked
from gewu_video.domain.silence import Sight
from gewu_video.domain.zones import Zone
from gewu_video.talk import Ended, Sees

SERVICES = ("intake", "dispatch", "video", "notify", "canary")
_UNITS = (
    "seconds", "bytes", "records", "readings", "sensors", "events", "notices", "clients", "partitions", "topics", "shards",
)  # fmt: skip
_FLAGS = (
    "gewu_ready", "gewu_producer_up", "gewu_build_info", "gewu_intake_mqtt_up", "gewu_video_capability",
    "gewu_notify_receiver_resting", "gewu_notify_receiver_disabled",
)  # fmt: skip

# Parts of the page: a prefix of the names, a heading, what it is about.
_PARTS = (
    ("gewu_intake_", "Doors", "What clients are answered."),
    ("gewu_mask_", "Masker", "What covers faces and plates before a picture is stored."),
    ("gewu_producer_", "Producers", "From a record that is taken to the broker's ack: intake has a producer a lane, named "
     "after it, and with a bridge one more for each lane that sensors have, `sensors-p0` …; dispatch has `desk` (moves by "
     "HTTP), `parking` and `relay`; notify has `parking`."),
    ("gewu_delivery_", "Delivery", "From the log to the transaction that settles a record."),
    ("gewu_dispatch_", "Decisions", "What happens inside that transaction."),
    ("gewu_books_", "Books", "What PostgreSQL knows, read every 5 s; every replica shows the same."),
    ("gewu_relay_", "Outbox", "From that transaction to the broker's ack of what it said."),
    ("gewu_video_", "Cameras", "From a picture to the broker's ack of what is said of it."),
    ("gewu_notify_", "Notices", "From a change of a case to the receivers that must hear of it."),
    ("gewu_live_", "Live feed", "Those who listen to every change."),
    ("gewu_canary_", "Canary", "What a drill a minute finds on its way through the whole line."),
    ("gewu_", "Process", "Of each service."),
)  # fmt: skip

# Where a label's values come from.
LABELS = {
    "lane": "`gewu.lane.Lane`; of dispatch's delivery and books also `actions`, of notify's delivery `cases`, at the doors "
    "also `none`",
    "outcome": "the books' columns (`gewu.runtime.positions`)",
    "why": "`gewu.errors.Why`; of the masker's children `gewu.mask.client.Lost`; of the live feed `gewu_notify.metrics.Ended`",
    "because": "`Because` of routing and of joining; of readings that of sensing; of notify's plan",
    "answer": "what intake says of a report, a picture, a reading (`Taken`); of a camera's signal, of `Knock`s of video; of "
    "looks at pictures and plates `Viewed`, of sealed plates `Kept`, of sweeps `Swept`",
    "reason": "`Refusal`, `Reject` and `Shed` of intake, of readings their own; of producers `gewu.runtime.metering.Unacked`",
    "door": "the two hot paths, and that of pictures",
    "receiver": "receivers.csv of the city package",
    "status": "HTTP's",
    "producer": "the lanes; `sensors-` and a lane; `desk`, `parking`, `relay`",
    "topic": "the registry, with the departments of the city package",
    "service": "the services and the canary",
    "station": "`gewu.canary.metrics.Station`",
    "camera": "`cameras.csv` of the city package",
    "sight": "`Sight` of video, and `missing`",
    "sees": "`Sees` of video",
    "ended": "`Ended` of video",
    "zone": "`Zone` of video",
    "asked": "`Asked` of video",
    "kind": "of video detection, fault; of notify `gewu_notify.domain.attempt.Kind`",
    "version": "this release",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric. `worry`: when to."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    says: str
    worry: str


def registry(service: str) -> CollectorRegistry:
    """Everything that a service registers, with nothing counted."""
    made = CollectorRegistry()
    if service == "intake":
        gewu_intake.metrics.Metrics(made), gewu_intake.metrics.BridgeMetrics(made), MaskMetrics(made)
    elif service == "notify":
        gewu_notify.metrics.Metrics(made), gewu_notify.metrics.LiveMetrics(made)
        DeliveryMetrics(made), ProducerMetrics(made)
    elif service == "canary":
        gewu.canary.metrics.Metrics(made)
    elif service == "video":
        gewu_video.metrics.Metrics(made)
    else:
        gewu_dispatch.metrics.Metrics(made), gewu_dispatch.metrics.BooksMetrics(made)
        gewu_dispatch.metrics.ViewMetrics(made), gewu_dispatch.metrics.SweepMetrics(made)
        DeliveryMetrics(made), RelayMetrics(made), ProducerMetrics(made)
    process.export(made, service, Health())
    return made


def entries(service: str) -> list[Entry]:
    """A service's metrics."""
    found = []
    for collector in registry(service)._collector_to_names:
        for family in collector.describe():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            says, _, worry = family.documentation.partition(" Worry ")
            # lag_seconds, stalled_partitions, and records_total, where what is counted stands before the end.
            unit = next((w for w in reversed(name.split("_")) if w in _UNITS), "count")
            unit = "0 or 1" if name in _FLAGS else unit
            found.append(Entry(name, family.type, unit, tuple(collector._labelnames), says, worry))
    return found


def allowed(city: City) -> Mapping[str, set[str]]:
    """Every value that a label may have."""
    lanes = {lane.label for lane in Lane}
    bounds = {*instruments.AGE_BUCKETS, *instruments.TIME_BUCKETS, *instruments.SIZE_BUCKETS, float("inf")}
    return {
        "lane": lanes | {ACTIONS, NO_LANE, CASES},
        "outcome": {*positions.OUTCOMES, "skipped"},
        "why": {*map(str, Why), *map(str, Lost), *map(str, gewu_notify.metrics.Ended)},
        "because": {str(b) for kind in (routing.Because, joining.Because, sensing.Because, plan.Because) for b in kind},
        "answer": {
            *map(str, ANSWERS),
            *map(str, Taken),
            *PICTURES,
            *map(str, Viewed),
            *map(str, Kept),
            *map(str, Swept),
            *gewu_video.metrics.ANSWERS,
            *map(str, Knock),
        },
        "reason": {str(r) for kind in (Refusal, Reject, Shed, Unacked, reading.Refusal) for r in kind},
        "door": set(DOORS),
        "receiver": set(city.receivers),
        "status": {str(s.value) for s in HTTPStatus},
        "producer": lanes | {f"sensors-{lane}" for lane in lanes} | {"desk", "parking", "relay"},
        "topic": {t.name for t in topics.registry(city.departments)},
        "service": set(SERVICES),
        "station": set(map(str, gewu.canary.metrics.Station)),
        "version": {gewu.__version__},
        "camera": set(city.cameras),
        "sight": {*map(str, Sight), gewu_video.metrics.MISSING},
        "sees": set(map(str, Sees)),
        "ended": set(map(str, Ended)),
        "zone": set(map(str, Zone)),
        "asked": set(map(str, Asked)),
        "kind": {*gewu_video.metrics.KINDS, *map(str, attempt.Kind)},
        "le": {floatToGoString(bound) for bound in bounds},
    }


def page() -> str:
    """docs/metrics.md."""
    by_service = {service: {e.name: e for e in entries(service)} for service in SERVICES}
    left = {name: e for found in by_service.values() for name, e in found.items()}
    lines = [_HEAD]
    for prefix, title, about in _PARTS:
        own = [left.pop(name) for name in sorted(left) if name.startswith(prefix)]
        lines += [
            "",
            f"## {title}",
            "",
            about,
            "",
            "| metric | of | unit | labels | says | worry |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(e, (s for s in SERVICES if e.name in by_service[s])) for e in own]
    lines += [
        "",
        "## Labels",
        "",
        "Every value is from a closed list or from configuration; nothing that a client says is a label.",
        "",
    ]
    lines += ["| label | values from |", "|---|---|"]
    lines += [f"| `{label}` | {values} |" for label, values in LABELS.items()]
    return "\n".join(lines) + "\n"


def _row(e: Entry, services: Iterable[str]) -> str:
    labels = ", ".join(e.labels) or "–"
    worry = e.worry[:1].upper() + e.worry[1:]
    unit = f"{e.unit}, histogram" if e.kind == "histogram" else e.unit
    return f"| `{e.name}` | {', '.join(services)} | {unit} | {labels} | {e.says} | {worry} |"


_HEAD = """# Metrics

The catalogue of the services, made from the code by `python -m tests.test_docs`; a test holds it to the code. The same
sentences stand at `/metrics` as HELP. Alerts on them: [runbook.md](runbook.md); how to scrape and show them:
[deploy](../deploy/README.md#grafana). What they look like: [panels.svg](panels.svg). Worrying begins before an alert, or
with it, never after it: an alert waits for more or for longer, so that nobody is woken for what passes by itself.

A record's age at each hand-over, in buckets from 5 ms to 10 min: received → acked is `gewu_producer_age_seconds`,
received → committed `gewu_delivery_age_seconds`, committed → relayed `gewu_relay_age_seconds`, received → relayed
`gewu_relay_event_age_seconds`. What waits longest before each: `gewu_producer_oldest_waiting_seconds`,
`gewu_delivery_lag_seconds`, `gewu_relay_oldest_unsent_seconds`.

Drills count in what is of the machine (doors, producers, log, batches, lags, outbox, attempts), for they are its load too; not
in what is of the city: its decisions, the age of the whole way, that of a notice."""
