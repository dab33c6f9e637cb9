"""What a receiver of webhooks says that it had, as `gewu audit --received` reads it."""

import json
from pathlib import Path

from gewu import ids
from tests.notify.world import Listener


def kept(listener: Listener, receiver: str, folder: Path) -> Path:
    """A file in this folder, with a line for each webhook that it got so far."""
    path = folder / f"received-{ids.new_client_id()}.jsonl"
    with path.open("w") as file:
        for got in listener.got:
            event = json.loads(got.body)["data"]["event_id"]
            file.write(json.dumps({"receiver": receiver, "webhook_id": got.id, "event_id": event}) + "\n")
    return path
