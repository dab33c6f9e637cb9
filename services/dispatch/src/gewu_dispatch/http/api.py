"""Dispatch's HTTP: cases for those with a scope, a report's status for whoever holds its link, actions for departments."""

import asyncio
import re
from collections.abc import Callable, Sequence

import asyncpg
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gewu.clock import Clock, micros
from gewu.runtime.keys import Key, KeyRing
from gewu.runtime.link import Links
from gewu.runtime.postgres import Reader
from gewu_dispatch.domain.action import Action, Refusal
from gewu_dispatch.domain.case import State
from gewu_dispatch.domain.light import Light, Lighting
from gewu_dispatch.http import asked, views
from gewu_dispatch.http.asked import Refused
from gewu_dispatch.http.desk import Desk, MoveSaid, Unsaid
from gewu_dispatch.http.guard import guard, holder, json, readable, seen
from gewu_dispatch.store import reads, spells

_NOT_PROVEN = {
    Refusal.PICTURE_NOT_OURS: "it was not uploaded here for the case's department: POST /v1/pictures?department=…",
    Refusal.PICTURE_EXPIRED: "it was uploaded more than 24 hours ago: upload it again",
}
_LOOK_S = 0.05  # how often it is looked whether a move was judged


class Api:
    """The endpoints."""

    def __init__(
        self, reader: Callable[[], Reader], keys: KeyRing, links: Links, desk: Desk, lighting: Lighting, clock: Clock
    ) -> None:
        self._reader, self._keys, self._links, self._desk = reader, keys, links, desk
        self._lighting, self._clock = lighting, clock

    def routes(self) -> list[Route]:
        """Every route of /v1."""
        return [
            Route("/v1/cases", guard(self.cases)),
            Route("/v1/cases/{case_id}", guard(self.case)),
            Route("/v1/cases/{case_id}/actions", guard(self.act), methods=["POST"]),
            Route("/v1/cases/{case_id}/actions/{move_id}", guard(self.became)),
            Route("/v1/reports/{signal_id}", guard(self.report)),
        ]

    async def cases(self, request: Request) -> Response:
        """GET /v1/cases."""
        names, limit = readable(self._key(request)), asked.limit(request)
        wanted = reads.Wanted(
            names=names, department=asked.name(request, "department"), area=asked.name(request, "area"),
            states=asked.states(request), after=asked.after(request), limit=limit + 1,
        )  # fmt: skip
        rows = await reads.cases(self._reader(), wanted)
        last = rows[limit - 1] if len(rows) > limit else None
        following = asked.cursor(last["opened_at"], last["case_id"]) if last else None
        lights = await self._lights(rows[:limit])
        return json(views.Page([views.case(r, lights.get(str(r["case_id"]))) for r in rows[:limit]], following))

    async def case(self, request: Request) -> Response:
        """GET /v1/cases/{case_id}."""
        key, case_id, pool = self._key(request), asked.own_id(request, "case_id"), self._reader()
        row = seen(await reads.case(pool, case_id), key, "read")
        noticed = [views.noticed(r) for r in await reads.signals(pool, case_id)]
        found = views.CaseFile(
            case=views.case(row, (await self._lights([row])).get(case_id)), noticed=noticed,
            timeline=views.steps(await reads.timeline(pool, case_id), noticed, await reads.shown(pool, case_id)),
            clocks=[views.tick(r) for r in await reads.clocks(pool, case_id)],
            lawful=self._desk.lawful(State(row["state"]), row["department"]),
        )  # fmt: skip
        return json(found)

    async def report(self, request: Request) -> Response:
        """GET /v1/reports/{signal_id}?token=…: no scope, the link is the right; it shows this one report."""
        signal_id = asked.own_id(request, "signal_id")
        if not self._links.holds(signal_id, request.query_params.get("token", "")):
            raise Refused(404, "no_such_report", "there is no such report", "the link is incomplete or not ours")
        return json(views.report(signal_id, await reads.report(self._reader(), signal_id)))

    async def act(self, request: Request) -> Response:
        """POST /v1/cases/{case_id}/actions: said on the department's own topic, answered after the ack."""
        key, case_id, move = self._key(request), asked.own_id(request, "case_id"), await asked.move(request)
        # The case before the actions: who sees here what an action did to it sees that action as well.
        row = await reads.case(self._reader(), case_id)
        if known := await self._answered(key, case_id, move):
            return known
        row = seen(row, key, "act")
        if not key.may("act", row["department"]):
            raise Refused(
                403, "scope_missing", "this key may not act here", f"it lacks the scope act:{row['department']}"
            )
        action = self._desk.word(case_id, row["department"], move, key.id)
        if move.id and (known := await self._judged(action)):
            return known  # judged meanwhile; or Refused, because the id was used for another case
        refusal = self._desk.early_refusal(State(row["state"]), action, row["complete_by"])
        if refusal:
            raise self._not_now(refusal, row)
        try:
            await self._desk.say(action)
        except Unsaid as fault:
            raise Refused(503, fault.code, "no acknowledgement", str(fault)) from None
        return await self._outcome(request, action)

    async def became(self, request: Request) -> Response:
        """GET /v1/cases/{case_id}/actions/{move_id}: what became of a move, on whichever road it was said."""
        key, case_id, move_id = self._key(request), asked.own_id(request, "case_id"), request.path_params["move_id"]
        names = {name for verb, _, name in (s.partition(":") for s in key.scopes) if verb in ("act", "read")}
        said = self._desk.said(move_id, self._desk.departments if "*" in names else names)
        deadline = asyncio.get_running_loop().time() + _wait_s(request)
        while True:
            if found := await reads.said_of(self._reader(), case_id, said, b""):
                return _verdict(found, found["content"])
            if asyncio.get_running_loop().time() >= deadline:
                raise Refused(
                    404, "not_judged", "no such move was judged", "it is on its way, or was not said by this key's"
                )
            await asyncio.sleep(_LOOK_S)

    async def _answered(self, key: Key, case_id: str, move: MoveSaid) -> Response | None:
        """The answer to a move that was said before: the same question has the same answer.

        Whichever of the key's departments said it: by a return the case itself leaves the one that did.
        """
        names = {s.removeprefix("act:") for s in key.scopes if s.startswith("act:")}
        own = self._desk.departments if "*" in names else names
        said = [self._desk.word(case_id, d, move, key.id) for d in own] if move.id else []
        if not said:
            return None
        content = said[0].content
        found = await reads.said_of(self._reader(), case_id, [a.action_id for a in said], content)
        return _verdict(found, content) if found else None

    async def _lights(self, rows: Sequence[asyncpg.Record]) -> dict[str, Light | None]:
        """Their lights at this moment, by id; none where the package has no lights."""
        if not self._lighting.are_on:
            return {}
        now = micros(self._clock.now())
        found = await spells.of(self._reader(), [str(row["case_id"]) for row in rows])
        return {case_id: self._lighting.of(spell, now) for case_id, spell in found.items()}

    def _not_now(self, refusal: Refusal, row: asyncpg.Record) -> Refused:
        """Why the move is not said at all."""
        if detail := _NOT_PROVEN.get(refusal):
            return Refused(409, refusal.name.lower(), "a picture may not be named", detail)
        moves = ", ".join(self._desk.lawful(State(row["state"]), row["department"])) or "none"
        return Refused(409, refusal.name.lower(), "this move is not lawful now", f"lawful now: {moves}")

    async def _outcome(self, request: Request, action: Action) -> Response:
        """202 at once, or the outcome if it is there within the seconds that `Prefer: wait=n` allows."""
        deadline = asyncio.get_running_loop().time() + _wait_s(request)
        while asyncio.get_running_loop().time() < deadline:
            if found := await self._judged(action):
                return found
            await asyncio.sleep(_LOOK_S)
        return json(views.ActionAnswer(action.action_id, "said"), 202)

    async def _judged(self, action: Action) -> Response | None:
        """The answer to an action that was judged; Refused when it was, or with another content under its id."""
        found = await reads.action(self._reader(), action.action_id)
        return _verdict(found, action.content) if found else None

    def _key(self, request: Request) -> Key:
        return holder(request, self._keys)


def _wait_s(request: Request) -> int:
    wait = re.search(r"wait=(\d{1,3})", request.headers.get("prefer", ""))
    return min(int(wait[1]) if wait else 0, 10)


def _verdict(found: asyncpg.Record, content: bytes) -> Response:
    if found["content"] != content:
        raise Refused(409, "conflict", "this id was used for another move", "give every move an id of its own")
    if found["refusal"] is not None:
        code = Refusal(found["refusal"]).name.lower()
        raise Refused(409, code, "the move was refused", "it changed nothing; the case says what is lawful now")
    return json(views.ActionAnswer(str(found["action_id"]), "applied"))
