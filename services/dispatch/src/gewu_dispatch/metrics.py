"""Dispatch's metric catalogue; labels come from closed enums and the code book only."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from gewu.runtime.metrics import TIME_BUCKETS


class Metrics:
    """Decisions and what they waited for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lock_wait = Histogram(
            "gewu_dispatch_lock_wait_seconds",
            "Time a batch waited for joining's locks; growing means two lanes meet in the same cells.",
            buckets=TIME_BUCKETS,
            registry=registry,
        )
        self.decisions = Counter(
            "gewu_dispatch_decisions",
            "New signals by outcome and reason; a growing fallback means a rule is missing.",
            ["outcome", "because"],
            registry=registry,
        )
        self.unknown_fields = Counter(
            "gewu_dispatch_unknown_fields",
            "Records that carry fields this version does not know; a newer writer is deployed.",
            registry=registry,
        )
