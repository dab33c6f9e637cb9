"""Asks dispatch over HTTP: which cases are open, and what became of a move. Of the standard library, and no redirects:
a key goes to the host that was named and to no other."""

import asyncio
import http.client
import json
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from gewu_department.events import Drill, Standing, of_list
from gewu_department.moves import Move
from gewu_department.settings import Settings

log = logging.getLogger(__name__)

_PAGE = 500
_ANSWER_S = 30.0
_FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
_LATER = (429, 500, 502, 503, 504)


class NotAllowed(Exception):
    """Dispatch answers, and will not give what was asked for; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The move was made."""


@dataclass(frozen=True, slots=True)
class NotApplied:
    """The move changed nothing: the same reason as a Refused on the topic, and dispatch's words for people."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Pending:
    """Not judged yet; or it was never said."""


Outcome = Applied | NotApplied | Pending


class Asker:
    """Dispatch's HTTP, as far as a department needs it."""

    def __init__(self, settings: Settings) -> None:
        self._department = settings.department
        self._at = urlsplit(settings.dispatch_url)
        self._key = settings.key_file.read_text().strip() if settings.key_file else ""
        self._tls = None
        if self._at.scheme == "https":
            ca = settings.dispatch_ca_file
            self._tls = ssl.create_default_context(cafile=str(ca) if ca else None)

    async def open_cases(self) -> Sequence[Standing | Drill]:
        """The department's open cases; waits for a dispatch that is away. Raises NotAllowed."""
        found: list[Standing | Drill] = []
        after = ""
        while True:
            path = f"/v1/cases?department={quote(self._department)}&state=assigned&state=handling&limit={_PAGE}{after}"
            page = await self._until_there(path)
            found += map(of_list, page["cases"])
            if not (following := page.get("next")):
                return found
            after = f"&after={quote(following)}"

    async def outcome(self, move: Move, within: float) -> Outcome:
        """What became of a move that was said, waiting up to `within` seconds (10 at most). Raises NotAllowed and OSError."""
        path = f"/v1/cases/{quote(move.case_id, safe='')}/actions/{quote(move.id, safe='')}"
        status, said = await self._ask(path, {"prefer": f"wait={min(int(within), 10)}"})
        if status == 200:
            return Applied()
        if status == 404:
            return Pending()
        if status == 409:
            return NotApplied(said.get("code", ""), said.get("detail", ""))
        raise self._fault(status, said)

    async def _until_there(self, path: str) -> Any:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                status, said = await self._ask(path, {})
                if status == 200:
                    return said
                fault = self._fault(status, said)
            except (OSError, http.client.HTTPException) as away:
                fault = away
            if isinstance(fault, NotAllowed):
                raise fault
            log.warning("dispatch does not give the list of open cases yet, again in %.1f s: %s", pause, fault)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _ask(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        return await asyncio.to_thread(self._ask_now, path, headers)

    def _ask_now(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        host, port = self._at.hostname or "", self._at.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_ANSWER_S, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(host, port, timeout=_ANSWER_S)
        )
        try:
            connection.request("GET", path, headers={"authorization": f"Bearer {self._key}", **headers})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, _document(text)

    def _fault(self, status: int, said: Any) -> Exception:
        words = said.get("title", "") if isinstance(said, dict) else ""
        if status in _LATER:
            return ConnectionError(f"dispatch answers {status} {words}")
        scopes = f"the key needs the scopes read:{self._department} and act:{self._department} (`gewu keys add`)"
        hint = scopes if status in (401, 403) else json.dumps(said, ensure_ascii=False)
        return NotAllowed(f"dispatch answers {status} {words}: {hint}")


def _document(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}
