"""Webhooks do not go inside: a corpus of tricks against listeners on this machine, which see no connection at all."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gewu.city.model import Receiver
from gewu.runtime import whsec
from gewu_notify.domain import address
from gewu_notify.domain.attempt import Kind
from gewu_notify.sending.channel import Channel
from gewu_notify.sending.gate import Gate
from gewu_notify.sending.keyring import Keyring
from gewu_notify.sending.lookup import Lookup
from gewu_notify.settings import Webhooks
from gewu_notify.store.ledger import Claimed

LINES = (Path(__file__).parent / "tricks.txt").read_text().splitlines()
TRICKS = [line for line in LINES if line and not line.startswith("#")]
# Not allowed; or, where a name server says something public at first: nobody is there.
NO = (Kind.FORBIDDEN, Kind.UNREACHABLE, Kind.TIME_OUT)
_ATTEMPTS = 3
_OUTSIDE = "2a00:dead:"  # a public address that the corpus's name servers say before they say one inside


@dataclass
class Inside:
    """Listeners on every address of this machine; `seen` are the connections."""

    port: int
    seen: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
async def inside() -> AsyncIterator[Inside]:
    """One port, every address: loopback, and whatever interfaces there are."""
    found = Inside(0)

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.seen.append(str(writer.get_extra_info("sockname")))
        writer.close()

    servers = [await asyncio.start_server(take, "0.0.0.0", 0)]
    found.port = servers[0].sockets[0].getsockname()[1]
    with suppress(OSError):  # a machine without IPv6
        only = socket.socket(socket.AF_INET6)
        only.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        only.bind(("::", found.port))
        servers.append(await asyncio.start_server(take, sock=only))
    yield found
    for server in servers:
        server.close()


class Scripted:
    """A name server that changes its answers from one question to the next."""

    def __init__(self, answers: str) -> None:
        self._answers = [[a for a in said.split(",") if a] for said in answers.split(";")]

    async def addresses(self, host: str, port: int) -> list[str]:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


async def attempts(url: str, answers: str | None, port: int, folder: Path, *, loopback: bool) -> list[Kind]:
    """How some attempts at this URL end, with a port that is let out."""
    whsec.make(folder, ["x"])
    ended: list[Kind] = []
    words = Webhooks(folder, frozenset({443, port}), loopback, None, 0.5, 8)
    lookup = Lookup() if answers is None else Scripted(answers)
    channel = Channel(
        Receiver("x", "x", "x", "webhook", url, False), words, Keyring(folder, ["x"]), lookup, ssl.create_default_context(),
        lambda _claimed, kind, *_: ended.append(kind), lambda _: None, Gate(),
    )  # fmt: skip
    for n in range(1, _ATTEMPTS + 1):
        channel.take(Claimed(f"id-{n}", "x", 1, n, n, b"{}"), asyncio.get_running_loop().time() + 60)
        channel.go()
        async with asyncio.timeout(10):
            while len(ended) < n:  # noqa: ASYNC110  the channel calls back, and has no event
                await asyncio.sleep(0.005)
    await channel.stop()
    if isinstance(lookup, Lookup):
        lookup.close()
    return ended


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address to which a connection was begun: most of what is inside lies on no machine of the test's."""
    found: list[str] = []
    real = asyncio.BaseEventLoop.create_connection

    async def spy(loop: Any, *words: Any, **named: Any) -> Any:
        found.append(words[1] if len(words) > 1 else named["host"])
        return await real(loop, *words, **named)

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", spy)
    return found


@pytest.mark.parametrize("trick", TRICKS)
async def test_a_trick_makes_no_connection(inside: Inside, dialled: list[str], tmp_path: Path, trick: str) -> None:
    url, told, answers = trick.replace("{port}", str(inside.port)).replace("\\t", "\t").partition(" = ")
    ended = await attempts(url, answers if told else None, inside.port, tmp_path, loopback=False)
    assert inside.seen == []
    assert all(host.startswith(_OUTSIDE) for host in dialled), dialled
    assert set(ended) <= set(NO), ended
    assert Kind.FORBIDDEN in ended or not told or ";" not in answers


async def test_what_development_lets_in_is_this_machines_own_name_and_nothing_else(
    inside: Inside, dialled: list[str], tmp_path: Path
) -> None:
    for answer in ("127.0.0.1", "::1", "10.0.0.1"):
        url = f"https://hook.public.example:{inside.port}/"
        assert set(await attempts(url, answer, inside.port, tmp_path, loopback=True)) == {Kind.FORBIDDEN}
        http = f"http://hook.public.example:{inside.port}/"
        assert set(await attempts(http, answer, inside.port, tmp_path, loopback=True)) == {Kind.FORBIDDEN}
    assert inside.seen == []
    for url in (f"http://127.0.0.1:{inside.port}/", f"http://localhost:{inside.port}/"):
        assert set(await attempts(url, None, inside.port, tmp_path, loopback=True)) == {Kind.UNREACHABLE}
    assert len(inside.seen) == len(dialled) == 2 * _ATTEMPTS, "the listeners do see who comes, and so does the spy"
    inside.seen.clear()


def test_the_corpus_is_large_and_says_each_thing_once() -> None:
    assert len(TRICKS) >= 100 and len(set(TRICKS)) == len(TRICKS)


@pytest.mark.parametrize("public", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::5e", "223.5.5.5"])
def test_public_addresses_are_let_out(public: str) -> None:
    assert address.checked([public]) == [public]
    assert address.target("https://hook.example/a?b=c", {443}).path == "/a?b=c"
