"""Pictures for whoever may read a case that names them. Each look is noted before anything is given: no row, no picture."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gewu.clock import Clock
from gewu.pictures.store import Away, Damaged, Gone, PictureStore
from gewu.runtime.keys import KeyRing
from gewu.runtime.postgres import Reader
from gewu_dispatch.http import asked, views
from gewu_dispatch.http.asked import Refused
from gewu_dispatch.http.guard import guard, holder, json, readable, seen
from gewu_dispatch.metrics import Viewed, ViewMetrics
from gewu_dispatch.store import pictures, reads

# The masker writes JPEG and nothing else; whatever lay there instead, a browser must not try to make sense of it.
_HEADERS = {
    "cache-control": "no-store", "x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; sandbox",
}  # fmt: skip
PICTURE = "image/jpeg"


class Pictures:
    """The endpoints. store: None where this installation has none."""

    def __init__(
        self,
        store: PictureStore | None,
        reader: Callable[[], Reader],
        keys: KeyRing,
        clock: Clock,
        metrics: ViewMetrics,
    ) -> None:
        self._reader, self._keys, self._clock, self._metrics = reader, keys, clock, metrics
        self._store = store

    def routes(self) -> list[Route]:
        """Every route of pictures."""
        return [
            Route("/v1/cases/{case_id}/pictures", guard(self.of_case)),
            Route("/v1/pictures/{sha256}", guard(self.picture)),
        ]

    async def of_case(self, request: Request) -> Response:
        """GET /v1/cases/{case_id}/pictures."""
        key, case_id, reader = holder(request, self._keys), asked.own_id(request, "case_id"), self._reader()
        seen(await reads.case(reader, case_id), key, "read")
        return json(views.Pictures([views.picture(r) for r in await pictures.of_case(reader, case_id)]))

    async def picture(self, request: Request) -> Response:
        """GET /v1/pictures/{sha256}?case=…&purpose=…."""
        key, digest = holder(request, self._keys), asked.digest(request)
        look = pictures.Look(
            sha256=digest, names=readable(key), case_id=asked.case_id(request), key_id=key.id,
            purpose=asked.name(request, "purpose") or "", at=self._clock.now(),
        )  # fmt: skip
        if self._store is None:
            raise Refused(501, "no_pictures", "pictures are not kept here", "GEWU_PICTURES names a store")
        if await pictures.note(self._reader(), look) is None:
            self._metrics.viewed(Viewed.HIDDEN)
            raise Refused(
                404, "no_such_picture", "there is no such picture", "or this key may read no case that names it"
            )
        name = {"content-disposition": f'inline; filename="{digest.hex()}.jpg"'}
        return Response(await self._bytes(self._store, digest), media_type=PICTURE, headers={**_HEADERS, **name})

    async def _bytes(self, store: PictureStore, digest: bytes) -> bytes:
        try:
            data = await store.get(digest)
        except Gone:
            self._metrics.viewed(Viewed.GONE)
            raise Refused(
                404, "picture_gone", "the store does not have this picture", "a case names it all the same"
            ) from None
        except Damaged:
            self._metrics.viewed(Viewed.DAMAGED)
            raise Refused(500, "picture_damaged", "the store has another content under this name") from None
        except Away as fault:
            self._metrics.viewed(Viewed.AWAY)
            raise Refused(503, "store_away", "the store is away", f"send it again later ({fault})") from None
        self._metrics.viewed(Viewed.GIVEN)
        return data
