"""The ledger: what load clients wrote down before and after each send, read from JSON lines."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from gewu.audit.facts import ANONYMOUS, plain

PENDING, OK, UNKNOWN, REJECTED = 0, 1, 2, 3
_OUTCOMES = {"ok": OK, "unknown": UNKNOWN, "rejected": REJECTED}


class LedgerFault(Exception):
    """A line is not of the ledger's form; the text says which and why."""


class Entry:
    """One act of a client: what it was told, and (filled in by the judge) how many signal rows stand for it.

    Sent again under its id it stays one act. A promise once made holds; and as long as one sending has no answer, or an
    unknown one, the act may have landed.
    """

    __slots__ = ("best", "landed", "open", "other", "rows", "signal", "source")

    def __init__(self, source: str, other: "Entry | None") -> None:
        self.source, self.other = source, other  # other: an act of another source under the same id
        self.best, self.open = PENDING, 0
        self.signal: bytes | None = None
        self.rows = 0
        self.landed = False

    @property
    def outcome(self) -> int:
        """What the client knows: OK, UNKNOWN or REJECTED."""
        if self.best == OK or not (self.open or self.best == PENDING):
            return self.best
        return UNKNOWN

    def answered(self, outcome: int, signal: bytes | None) -> None:
        """One sending got its answer."""
        self.open = max(0, self.open - 1)
        if outcome == OK:
            self.best, self.signal = OK, signal or self.signal
        elif self.best != OK:
            self.best = UNKNOWN if UNKNOWN in (outcome, self.best) else REJECTED


class Ledger:
    """Acts by source and the client's own id."""

    def __init__(self) -> None:
        self.sends = 0
        self.sources: set[str] = set()
        self._by_id: dict[str, Entry] = {}

    def take(self, lines: Iterable[str], name: str) -> None:
        """Add a file's lines. The last one may be cut short, as a killed client leaves it: it was not sent."""
        for number, line, is_last in _numbered(lines):
            try:
                self._line(json.loads(line))
            except (ValueError, KeyError, TypeError) as fault:
                if is_last and not line.endswith("\n"):
                    return
                raise LedgerFault(f"{name}:{number}: is no line of a ledger: {fault!r}") from None

    def find(self, source: str, client_id: str) -> Entry | None:
        """The act of this source and id."""
        entry = self._by_id.get(client_id)
        while entry is not None and entry.source != source:
            entry = entry.other
        return entry

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every act with its id."""
        for client_id, first in self._by_id.items():
            entry: Entry | None = first
            while entry is not None:
                yield client_id, entry
                entry = entry.other

    def anonymous_by_signal(self) -> dict[bytes, Entry]:
        """Anonymous acts that were promised a signal id: nobody owns a name there, so only that id tells them apart."""
        return {e.signal: e for _, e in self.entries() if e.source == ANONYMOUS and e.signal}

    def _line(self, said: dict[str, str]) -> None:
        client_id = said["id"]
        if "outcome" not in said:
            self._sent(client_id, plain(said["source"]))
            return
        entry = self._by_id[client_id]
        entry.answered(_OUTCOMES[said["outcome"]], UUID(s).bytes if (s := said.get("signal_id")) else None)

    def _sent(self, client_id: str, source: str) -> None:
        self.sends += 1
        entry = self.find(source, client_id)
        if entry is None:
            self.sources.add(source)
            entry = self._by_id[client_id] = Entry(source, self._by_id.get(client_id))
        elif self._by_id[client_id] is not entry:
            self._bring_to_front(client_id, entry)
        entry.open += 1

    def _bring_to_front(self, client_id: str, entry: Entry) -> None:
        """An answer names only the id; it belongs to the source that sent last."""
        before = self._by_id[client_id]
        while before.other is not entry:
            assert before.other is not None
            before = before.other
        before.other, entry.other = entry.other, self._by_id[client_id]
        self._by_id[client_id] = entry


def read(paths: Iterable[Path]) -> Ledger:
    """All files as one ledger; LedgerFault names a wrong line, OSError a file that cannot be read."""
    ledger = Ledger()
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            ledger.take(lines, str(path))
    return ledger


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str, bool]]:
    """Lines with their number, and whether each is the last."""
    held: tuple[int, str] | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if held:
            yield *held, False
        held = number, line
    if held:
        yield *held, True
