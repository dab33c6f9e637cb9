"""A receiver of webhooks for the demo city: takes what its desks would be told, checks the signature, remembers the last."""

import base64
import hmac
import json
import time
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from gewu.dev.ports import LOOPBACK
from gewu.runtime import whsec

PORT = 8090  # stands in the demo city's receivers.csv
LAST = 20
_OLD_S = 300.0
_BYTES = 64 * 1024


class Receiver:
    """All receivers of a city at one port, each at the path of its name. A webhook-id counts once, however often it comes."""

    def __init__(self, secrets: Path) -> None:
        self._secrets = secrets
        self._runner: web.AppRunner | None = None
        self._seen: dict[str, None] = {}
        self.told: Counter[str] = Counter()  # by receiver
        self.again = self.wrong = 0
        self.last: deque[str] = deque(maxlen=LAST)

    async def start(self, port: int = PORT) -> bool:
        """Listen; False where somebody else has the port: webhooks then go there, which cannot read our signature."""
        app = web.Application(client_max_size=_BYTES)
        app.router.add_post("/{receiver:[a-z0-9-]{1,40}}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, port).start()
        except OSError:
            await self.stop()
            return False
        return True

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        name, body = request.match_info["receiver"], await request.read()
        if not self._is_signed(name, request.headers, body):
            self.wrong += 1
            return web.Response(status=401)
        own = request.headers["webhook-id"]
        if own in self._seen:
            self.again += 1
            return web.Response(status=204)
        self._seen[own] = None
        if len(self._seen) > 10_000:
            del self._seen[next(iter(self._seen))]
        said = json.loads(body)["data"]
        self.told[name] += 1
        self.last.append(f"{name}: {said['change']} {said['lane']} {said['category']} {said['case_id']}")
        return web.Response(status=204)

    def _is_signed(self, name: str, headers: Mapping[str, str], body: bytes) -> bool:
        try:
            keys, at = whsec.read(self._secrets / f"{name}{whsec.SUFFIX}"), int(headers["webhook-timestamp"])
            signed = b"%b.%d.%b" % (headers["webhook-id"].encode(), at, body)
            found = [base64.b64decode(s.removeprefix("v1,")) for s in headers["webhook-signature"].split()]
        except (whsec.WhsecFault, KeyError, ValueError):
            return False
        right = [hmac.digest(key, signed, "sha256") for key in keys]
        return abs(time.time() - at) < _OLD_S and any(hmac.compare_digest(f, r) for f in found for r in right)
