"""A client of the running stack, with keys of its own."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import aiohttp
import msgspec
import pytest

from gewu.city import load
from gewu.dev.stack import Stack
from gewu.pictures.reference import Picture, References, of_department
from gewu.runtime import keys
from tests.support.waiting import until


@dataclass
class Answer:
    """Status, headers and JSON body."""

    status: int
    headers: Any
    body: Any


@dataclass
class Client:
    """Speaks to intake and dispatch."""

    stack: Stack
    session: aiohttp.ClientSession
    key: str
    places: list[tuple[float, float]]

    async def post(
        self, path: str, body: Any, *, key: str | None = "", headers: dict[str, str] | None = None
    ) -> Answer:
        """POST to intake; bytes go as they are, anything else as JSON."""
        return await self.send("POST", self.stack.intake_url + path, body, key, headers)

    async def desk(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Ask dispatch, as the ops key unless told otherwise."""
        return await self.send(
            method, self.stack.dispatch_url + path, body, self.stack.ops_key if key is None else key, headers
        )

    async def send(self, method: str, url: str, body: Any, key: str | None, headers: dict[str, str] | None) -> Answer:
        """One request; key "" is this client's own, None is none."""
        data = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        words = {"content-type": "application/json"} if data is not None else {}
        secret = self.key if key == "" else key
        if secret:
            words["authorization"] = f"Bearer {secret}"
        async with self.session.request(method, url, data=data, headers={**words, **(headers or {})}) as found:
            text = await found.read()
            kind = found.headers.get("content-type", "")
            if "ndjson" in kind:
                return Answer(found.status, found.headers, msgspec.json.Decoder().decode_lines(text))
            return Answer(found.status, found.headers, msgspec.json.decode(text) if "json" in kind else text)

    def report(self, n: int = 0, **words: Any) -> dict[str, Any]:
        """A report that intake takes, in the n-th grid."""
        lon, lat = self.places[n % len(self.places)]
        return {"category": "manhole", "place": {"lon": lon, "lat": lat}, **words}

    async def status(self, accepted: Any, known: bool = True) -> Any:
        """The status behind an accepted report's link, once dispatch has it."""

        async def look() -> Any:
            found = await self.send("GET", accepted["status_url"], None, None, None)
            assert found.status == 200
            return found.body if found.body["status"] != "accepted" or not known else None

        return await until(look, what="dispatch to see the report")

    async def case(self, n: int = 0, **words: Any) -> Any:
        """Report something and return its case's file."""
        taken = await self.post("/v1/reports", self.report(n, **words))
        assert taken.status == 202, taken
        status = await self.status(taken.body)
        return (await self.desk("GET", f"/v1/cases/{status['case_id']}")).body


def uploaded(stack: Stack, department: str, data: bytes = b"p") -> str:
    """The reference of a picture as the door would answer it to this department; for tests that need no picture."""
    found = Picture(sha256(data).digest(), 70_000, "image/jpeg", "test 1")
    secret = (stack.data / "secrets" / "link.secret").read_bytes()
    return References(secret).make(found, of_department(department), datetime.now(UTC))


@pytest.fixture(scope="session")
async def reporter(new_key: Callable[..., Any]) -> str:
    """One key for all that only report."""
    return await new_key("report")


@pytest.fixture
async def client(stack: Stack, reporter: str) -> AsyncIterator[Client]:
    """A client whose key may report."""
    city = load(stack.city)
    places = [(p.x, p.y) for p in (s.representative_point() for s in city.owners.shapes)]
    async with aiohttp.ClientSession() as session:
        yield Client(stack, session, reporter, places)


@pytest.fixture(scope="session")
async def new_key(stack: Stack) -> Callable[..., Any]:
    """Make keys; each is in force when the call returns."""
    file = stack.data / "secrets" / "keys.json"

    async def make(*scopes: str) -> str:
        secret = keys.new_secret()
        known = keys.read(file)
        keys.write(file, [*known, keys.Key(f"test-{len(known)}", keys.digest(secret), scopes)])
        async with aiohttp.ClientSession() as session:

            async def in_force() -> bool:
                words = {"authorization": f"Bearer {secret}"}
                async with (
                    session.get(f"{stack.dispatch_url}/v1/cases", headers=words) as d,
                    session.post(f"{stack.intake_url}/v1/reports", data=b"{}", headers=words) as i,
                ):
                    return d.status != 401 and i.status != 401

            await until(in_force, 5.0, "a new key within 5 s")
        return secret

    return make
