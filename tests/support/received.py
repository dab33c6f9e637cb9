"""Receivers of webhooks beside a whole Gewu, and what they say that they had, as `gewu audit --received` reads it."""

import json
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gewu import ids
from gewu.dev.stack import Stack
from gewu.runtime import whsec
from tests.notify.world import NOTICES, RECEIVERS, Listener


def kept(listener: Listener, receiver: str, folder: Path) -> Path:
    """A file in this folder, with a line for each webhook that it got so far."""
    path = folder / f"received-{ids.new_client_id()}.jsonl"
    with path.open("w") as file:
        for got in listener.got:
            event = json.loads(got.body)["data"]["event_id"]
            file.write(json.dumps({"receiver": receiver, "webhook_id": got.id, "event_id": event}) + "\n")
    return path


@asynccontextmanager
async def telling(
    stack: Stack, folder: Path, receivers: Mapping[str, str], rules: Sequence[str], timeout: str = "1s"
) -> AsyncIterator[dict[str, str]]:
    """What notify must be started with so that these are its receivers, by name and URL; afterwards the stack's own runs."""
    city, secrets = folder / f"city-{ids.new_client_id()}", folder / "receivers"
    shutil.copytree(stack.city, city)
    rows = "".join(f"{name},{name},{name},webhook,{url},no\n" for name, url in receivers.items())
    (city / "receivers.csv").write_text(RECEIVERS + rows)
    (city / "notices.csv").write_text(NOTICES + "".join(f"{rule}\n" for rule in rules))
    whsec.make(secrets, list(receivers))
    await stack.kill("notify")
    words = {"GEWU_CITY": str(city), "GEWU_RECEIVER_SECRETS": str(secrets), "GEWU_WEBHOOK_TIMEOUT": timeout}
    try:
        yield words
    finally:
        await stack.kill("notify")
        await stack.launch("notify")
