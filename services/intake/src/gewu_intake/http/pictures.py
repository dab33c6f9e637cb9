"""The door for pictures: a raw body in, masked in the child, stored, and a reference out that a report may name.

Nothing of a body is stored that the masker has not given back; whatever fails on the way, nothing is.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import msgspec

from gewu import ids
from gewu.clock import Clock
from gewu.lane import Lane
from gewu.mask import header
from gewu.mask.client import Busy, Failed, Masker, NoMasker
from gewu.mask.words import MOST_BYTES, TYPES, Masked, Refusal, Unmasked
from gewu.pictures import reference
from gewu.pictures.reference import Picture, References
from gewu.pictures.store import Away, PictureStore
from gewu.runtime import problem
from gewu.runtime.keys import Key
from gewu.topics import DEPARTMENT_ID
from gewu_intake.domain.admission import Admission, Shed
from gewu_intake.http import answers, entrance
from gewu_intake.http.answers import JSON, Refused, Reply
from gewu_intake.http.entrance import Entrance, Headers, Receive, Scope, Send
from gewu_intake.metrics import Metrics

log = logging.getLogger(__name__)

DOOR = "/v1/pictures"
UPLOADS = 16  # bodies at once, each up to MOST_BYTES of this process's memory
OF_ONE = 4  # of them, of one key; of all that have none
BODY_S = 60.0


class Stored(msgspec.Struct):
    """The picture is masked and durable. picture: what a report with the same key, or a move of the same department, names
    within 24 hours."""

    picture: str
    sha256: str
    bytes: int
    type: str
    masked_by: str


@dataclass(slots=True)
class PictureDoor:
    """ASGI application of one path. Without a store this installation keeps no pictures."""

    entrance: Entrance
    admission: Admission
    masker: Masker
    store: PictureStore | None
    references: References
    clock: Clock
    metrics: Metrics
    _under_way: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        more: list[tuple[bytes, bytes]] = [(b"connection", b"close")]  # unless its body was read to the end
        started = time.monotonic()
        try:
            if scope["method"] != "POST":
                raise Refused(405, "wrong_method", "wrong method", "send POST")
            department = _department(scope["query_string"])
            key, kind = self._enter(scope["headers"], department)
            with self._room(key.id if key else ids.ANONYMOUS):
                data = await entrance.body(receive, MOST_BYTES, BODY_S)
                started = time.monotonic()
                more.clear()
                source = (
                    reference.of_department(department) if department else f"key:{key.id}" if key else ids.ANONYMOUS
                )
                reply = await self._take(data, kind, source)
        except Refused as fault:
            reply = fault.reply
        except Exception:
            log.exception("a bug met a picture")
            reply = answers.BROKEN
        await answers.send(send, reply, *more)
        self._count(reply, time.monotonic() - started)

    def _enter(self, headers: Headers, department: str) -> tuple[Key | None, str]:
        """Whose picture it is and its type; Refused where it need not be read."""
        said = dict(headers)
        key = self.entrance.known(self.entrance.digest(said.get(b"authorization")))
        _check_scope(key, department)
        kind = said.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")
        if kind not in TYPES:
            raise Refused(415, "wrong_type", "wrong content type", f"send the picture itself, as {', '.join(TYPES)}")
        length = said.get(b"content-length", b"0")
        if length.isdigit() and int(length) > MOST_BYTES:
            raise Refused(413, "too_large", "the body is too large", f"at most {MOST_BYTES} bytes")
        if self.store is None:
            raise Refused(
                501, "no_pictures", "pictures are not kept here", "send the report without; GEWU_PICTURES names a store"
            )
        if self.masker.fault:
            raise _no_masker(self.masker.fault)
        self._admit(key)
        return key, kind

    def _admit(self, key: Key | None) -> None:
        """A picture counts as an ordinary report: what it shows is not known yet."""
        client, rate = (key.id, key.rate) if key else (ids.ANONYMOUS, 0.0)
        if not self.admission.asks(rate):
            return
        if why := self.admission.take(client, rate, Lane.P2, -1, time.monotonic()):
            is_quota = why is Shed.QUOTA
            status, retry = (429, random.randint(1, 3)) if is_quota else (503, problem.later())
            raise Refused(status, str(why), "no room", "it was not taken: send it again later", retry)

    @contextmanager
    def _room(self, client: str) -> Iterator[None]:
        if self._under_way[client] >= OF_ONE:
            raise Refused(
                429, "quota", "too many uploads at once", f"at most {OF_ONE} of one key", random.randint(1, 3)
            )
        if self._under_way.total() >= UPLOADS:
            raise _overloaded()
        self._under_way[client] += 1
        try:
            yield
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]

    async def _take(self, data: bytes, kind: str, source: str) -> Reply:
        assert self.store is not None
        masked = await self._masked(data, kind)
        try:
            digest = await self.store.put(masked.data)
        except Away as fault:
            raise Refused(
                503, "store_away", "the picture was not stored", f"send it again later ({fault})", problem.later()
            ) from None
        found = Picture(digest, len(masked.data), masked.type, masked.masked_by)
        name = self.references.make(found, source, self.clock.now())
        said = Stored(name, digest.hex(), found.bytes, found.type, found.masked_by)
        return Reply(201, JSON, msgspec.json.encode(said))

    async def _masked(self, data: bytes, kind: str) -> Masked:
        try:
            if header.look(data).type != kind:
                raise Unmasked(Refusal.WRONG_FORMAT)
            return await self.masker.mask(data)
        except Unmasked as fault:
            status = 413 if fault.why is Refusal.TOO_LARGE else 422
            raise Refused(status, str(fault.why), "the picture is not taken", str(fault)) from None
        except NoMasker as fault:
            raise _no_masker(str(fault)) from None
        except Busy:
            raise _overloaded() from None
        except Failed as fault:
            detail = f"{fault}: send it again later, or another picture"
            raise Refused(
                503, "masker_failed", "the picture was not masked and not stored", detail, problem.later()
            ) from None

    def _count(self, reply: Reply, seconds: float) -> None:
        self.metrics.requests.labels(DOOR, str(reply.status)).inc()
        self.metrics.seconds.labels(DOOR).observe(seconds)
        self.metrics.picture("stored" if reply.status == 201 else reply.turned_away)


def _department(query: bytes) -> str:
    """The department for whose moves the picture is, "" where it is for a report."""
    said = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("department", [])
    if said and not (len(said) == 1 and DEPARTMENT_ID.fullmatch(said[0])):
        raise Refused(422, "rejected", "the query is wrong", "department: one department's id")
    return said[0] if said else ""


def _check_scope(key: Key | None, department: str) -> None:
    """Refused for a key that could not name the picture."""
    if not department and (key is None or key.may_report):
        return
    if department and key is not None and key.may("act", department):
        return
    lacking = f"act:{department}" if department else "report; a department's pictures come with ?department=…"
    raise Refused(403, "scope_missing", "this key may not bring this picture", f"it lacks the scope {lacking}")


def _no_masker(why: str) -> Refused:
    detail = f"no picture is stored unmasked: send the report without, or again later ({why})"
    return Refused(503, "no_masker", "there is no masker", detail, problem.later())


def _overloaded() -> Refused:
    return Refused(
        503, "overloaded", "too many pictures at once", "it was not taken: send it again later", problem.later()
    )
