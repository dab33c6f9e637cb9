"""One connection to an MQTT broker under a persistent session; the only place that knows the client library.

zmqtt itself and not FastStream's broker, which sends UNSUBSCRIBE when it stops: the broker would keep nothing for us meanwhile.
The library's own reconnecting is off: unacknowledged messages come again with a new connection and only then, so that
whoever waits for them must be able to end one.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol, TypeVar

import zmqtt

from gewu_intake.settings import Mqtt

FILTER = "sensors/+/readings"
# Unacknowledged messages of a connection: as many as there are packet ids. A resumed session sends its backlog before it answers
# our SUBSCRIBE, and with less room the library would wait for somebody to take it, and never read that answer.
_UNACKED = 65_535
_PACKET_BYTES = 64 * 1024
_KEEPALIVE_S = 15
_CONNECT_S = 10.0
T = TypeVar("T")
_FAULTS = (zmqtt.MQTTError, OSError, TimeoutError, RuntimeError)


class Away(Exception):
    """The broker is not there, does not let us in, or the connection ended."""


class Message(Protocol):
    """One message; unacknowledged it comes again with the next connection."""

    topic: str
    payload: bytes

    async def ack(self) -> None: ...


class Link(Protocol):
    """A connection with its subscription."""

    async def next(self) -> Message:
        """The next message; Away when the connection has ended."""

    async def ack(self, message: Message) -> None:
        """Acknowledge it; Away when the connection has ended."""

    async def answer(self, topic: str, payload: bytes) -> None:
        """Say something once, without an ack; Away when the connection has ended."""


class _Zmqtt:
    def __init__(self, client: zmqtt.MQTTClient, subscription: zmqtt.Subscription) -> None:
        self._client, self._subscription = client, subscription

    async def next(self) -> Message:
        return await _or_away(self._subscription.get_message)

    async def ack(self, message: Message) -> None:
        await _or_away(message.ack)

    async def answer(self, topic: str, payload: bytes) -> None:
        await _or_away(lambda: self._client.publish(topic, payload))


@asynccontextmanager
async def connected(settings: Mqtt) -> AsyncIterator[Link]:
    """A connection for as long as the context lasts; Away when there is none. The broker keeps the session afterwards."""
    client = _client(settings)
    try:
        async with asyncio.timeout(_CONNECT_S):
            await _or_away(client.connect)
        subscription = client.subscribe(
            FILTER, qos=zmqtt.QoS.AT_LEAST_ONCE, auto_ack=False, receive_buffer_size=_UNACKED
        )
        async with asyncio.timeout(_CONNECT_S):
            await _or_away(subscription.start)
        try:
            yield _Zmqtt(client, subscription)
        finally:
            await subscription.detach()  # without UNSUBSCRIBE
    except TimeoutError:
        raise Away(f"no answer within {_CONNECT_S:.0f} s") from None
    finally:
        with suppress(*_FAULTS):
            async with asyncio.timeout(_CONNECT_S):
                await client.disconnect()


def _client(settings: Mqtt) -> zmqtt.MQTTClient:
    five = settings.version == "5.0"
    return zmqtt.MQTTClient(
        settings.host, settings.port, client_id=settings.client_id, keepalive=_KEEPALIVE_S, clean_session=False,
        username=settings.user, password=settings.password,
        tls=ssl.create_default_context(cafile=str(settings.ca_file)) if settings.ca_file else None,
        reconnect=zmqtt.ReconnectConfig(enabled=False), mqtt_connect_timeout=_CONNECT_S, version=settings.version,
        session_expiry_interval=int(settings.session_s) if five else 0,
        # No receive_maximum: Mosquitto 2.0 goes above it where a session has a backlog, for which this library ends the
        # connection, and the next one would end the same way. The broker's own max_inflight_messages holds it back.
        maximum_packet_size=_PACKET_BYTES if five else None, session_replay_buffer_size=_UNACKED,
    )  # fmt: skip


async def _or_away(act: Callable[[], Awaitable[T]]) -> T:
    try:
        return await act()
    except _FAULTS as fault:
        raise Away(f"{fault!r}") from fault
