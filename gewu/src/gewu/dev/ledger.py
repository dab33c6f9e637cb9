"""The client's own ledger: what it sent and what it was told, a JSON object a line.

{"id", "source", "lane", "sent_at"} stands in the file before the report is on its way, so that whatever was accepted
can be asked for later, also after a kill -9; {"id", "outcome", "signal_id"?} follows, with ok, unknown or rejected.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

OK, UNKNOWN, REJECTED = "ok", "unknown", "rejected"
_encode_lines = msgspec.json.Encoder().encode_lines


class Ledger:
    """One run's file. Every call hands its lines to the kernel before it returns: a killed process loses none."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def sending(self, reports: Iterable[tuple[str, str]], source: str) -> None:
        """These reports go out now; each is named by its id and its lane."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._write([{"id": id, "source": source, "lane": lane, "sent_at": now} for id, lane in reports])

    def outcome(self, id: str, outcome: str, signal_id: str = "") -> None:
        """What its sender was told about it in the end."""
        self.outcomes([(id, outcome, signal_id)])

    def outcomes(self, told: Iterable[tuple[str, str, str]]) -> None:
        """The same of many: each one's id, outcome, and the id of its signal or ""."""
        self._write([{"id": i, "outcome": o, "signal_id": s} if s else {"id": i, "outcome": o} for i, o, s in told])

    def close(self) -> None:
        """No line follows."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, lines: Sequence[dict[str, Any]]) -> None:
        self._file.write(_encode_lines(lines))
