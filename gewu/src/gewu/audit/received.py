"""What receivers of webhooks say that they had: JSON lines, one a webhook, in the order in which they came."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

from gewu.audit.findings import Fault, Findings
from gewu.audit.ledger import LedgerFault

_FIELDS = ("receiver", "webhook_id", "event_id")


class Received:
    """A file answers for the receivers that it names: all that they ever had."""

    def __init__(self) -> None:
        self.webhooks = 0
        self._ids: dict[str, set[bytes]] = {}
        self._events: dict[tuple[str, bytes], set[bytes]] = {}

    def take(self, lines: Iterable[str], name: str) -> None:
        """Take a file's lines; LedgerFault with the first that is none."""
        for number, line in enumerate(lines, 1):
            try:
                said = json.loads(line)
                receiver, id_, event = (str(said[field]) for field in _FIELDS)
                found, of = UUID(id_).bytes, UUID(event).bytes
            except (ValueError, KeyError, TypeError) as fault:
                words = f"{name} line {number}: {fault!r}; a line is an object with {', '.join(_FIELDS)}, the ids UUIDs"
                raise LedgerFault(words) from None
            self.webhooks += 1
            self._ids.setdefault(receiver, set()).add(found)
            self._events.setdefault((receiver, of), set()).add(found)

    def lacks(self, receiver: str, id_: bytes) -> bool:
        """Whether this receiver says what it had, and this is not there."""
        return receiver in self._ids and id_ not in self._ids[receiver]

    def judge(self, findings: Findings) -> None:
        """Note what a receiver took for two things: one change under two webhook-ids."""
        for (receiver, event), found in self._events.items():
            if len(found) > 1:
                words = f"{receiver} had it under {len(found)} webhook-ids and does it as often"
                findings.note(Fault.DOUBLED, f"event {UUID(bytes=event)}: {words}")


def read(files: Sequence[Path]) -> Received:
    """All of these files; LedgerFault for one that is none."""
    found = Received()
    for file in files:
        try:
            found.take(file.read_text().splitlines(), file.name)
        except (OSError, UnicodeDecodeError) as fault:
            raise LedgerFault(f"{file}: {fault}") from None
    return found
