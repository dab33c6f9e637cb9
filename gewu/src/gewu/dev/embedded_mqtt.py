"""`python -m gewu.dev.embedded_mqtt FOLDER PORT`: amqtt as a process of its own, where Mosquitto is not installed.

It speaks MQTT 3.1.1 only, keeps nothing when it ends, and does not answer a bridge that comes back to what waited: good for
seeing that things fit together, and for nothing else.
"""

import asyncio
import hmac
import json
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from gewu.dev import mqtt_files


class Logins(BaseAuthPlugin):
    """Who may log in."""

    @dataclass
    class Config:
        """Passwords by user."""

        passwords: dict[str, str] = field(default_factory=dict)

    async def authenticate(self, *, session: Session) -> bool:
        """Whether user and password are a pair that is known."""
        known = self.config.passwords.get(session.username or "")
        return known is not None and hmac.compare_digest(known, session.password or "")


class Rights(BaseTopicPlugin):
    """Who may say and hear what."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """As `mqtt_files.acl` says it to Mosquitto."""
        if action is Action.RECEIVE:
            return True  # what it has subscribed to
        user = session.username if session else None
        return bool(user and topic) and mqtt_files.may(user or "", topic or "", publishes=action is Action.PUBLISH)


async def serve(folder: Path, port: int) -> None:
    """Serve until asked to stop."""
    here = "gewu.dev.embedded_mqtt"
    known = json.loads((folder / "passwords.json").read_text())
    broker = Broker({
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {f"{here}.Logins": {"passwords": known}, f"{here}.Rights": {}},
    })  # fmt: skip
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    await broker.start()
    await asked.wait()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
