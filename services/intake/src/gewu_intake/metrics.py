"""Intake's metric catalogue."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.metrics import TIME_BUCKETS


class Metrics:
    """What comes through the doors and how it is answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reports = Counter(
            "gewu_intake_reports",
            "Reports by answer: accepted, rejected (wrong), refused (not taken), unknown (no ack).",
            ["answer"],
            registry=registry,
        )
        self.requests = Counter(
            "gewu_intake_requests", "Requests by door and status.", ["door", "status"], registry=registry
        )
        self.seconds = Histogram(
            "gewu_intake_answer_seconds",
            "From the whole request to its answer, by door.",
            ["door"],
            buckets=TIME_BUCKETS,
            registry=registry,
        )
        self.waiting = Gauge(
            "gewu_intake_waiting_bytes",
            "Bytes that wait for the broker's ack; at its bound reports are refused.",
            ["lane"],
            registry=registry,
        )
        self.rebuilds = Gauge(
            "gewu_intake_producer_rebuilds",
            "Producers thrown away after a failed batch since the start.",
            ["lane"],
            registry=registry,
        )

    def follow(self, producers: Mapping[str, GroupCommit]) -> None:
        """Read the producers' own numbers at each scrape; by lane."""
        for lane, producer in producers.items():
            self.waiting.labels(lane).set_function(lambda p=producer: p.pending_bytes)
            self.rebuilds.labels(lane).set_function(lambda p=producer: p.rebuilds)
