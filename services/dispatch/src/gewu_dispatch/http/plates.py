"""Sealed plates for whoever has the scope for them. Each look says what for and is noted before anything is given.

What is given are boxes: no service has the keys that open them.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gewu.clock import Clock
from gewu.runtime.keys import KeyRing
from gewu.runtime.postgres import Reader
from gewu_dispatch.http import asked, views
from gewu_dispatch.http.asked import Refused
from gewu_dispatch.http.guard import guard, holder, json, seen
from gewu_dispatch.metrics import ViewMetrics
from gewu_dispatch.store import plates, reads


class Plates:
    """The endpoint."""

    def __init__(self, reader: Callable[[], Reader], keys: KeyRing, clock: Clock, metrics: ViewMetrics) -> None:
        self._reader, self._keys, self._clock, self._metrics = reader, keys, clock, metrics

    def routes(self) -> list[Route]:
        """Every route of plates."""
        return [Route("/v1/cases/{case_id}/plates", guard(self.of_case))]

    async def of_case(self, request: Request) -> Response:
        """GET /v1/cases/{case_id}/plates?purpose=…."""
        key, case_id, reader = holder(request, self._keys), asked.own_id(request, "case_id"), self._reader()
        departments = [s.removeprefix("plates:") for s in key.scopes if s.startswith("plates:")]
        if not departments:
            self._metrics.plates_hidden.inc()
            raise Refused(403, "scope_missing", "this key may have no plates", "it has no scope plates:<department>")
        purpose = asked.purpose(request)
        row = seen(await reads.case(reader, case_id), key, "plates")
        if row["department"] not in departments:
            self._metrics.plates_hidden.inc()
            lacking = f"it lacks the scope plates:{row['department']}"
            raise Refused(403, "scope_missing", "this key may not have the plates of this case", lacking)
        look = plates.Look(
            case_id=case_id, departments=departments, key_id=key.id, purpose=purpose, at=self._clock.now()
        )
        found = await plates.note(reader, look)
        self._metrics.plates_given.inc(len(found))
        return json(views.SealedPlates([views.plate(r) for r in found]))
