"""The desk: what a department does over HTTP is said on its own topic, the same road as if it had written there itself."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gewu import codec, ids, topics
from gewu.clock import Clock, micros
from gewu.pictures.reference import References, claimed
from gewu.runtime.problem import Wrong
from gewu.runtime.producer import Fault, Producer, Unknown, say
from gewu.v1.action_pb2 import Action as Wire
from gewu_dispatch.domain.action import PICTURES, Action, Kind, Refusal, moves, wanting
from gewu_dispatch.domain.case import Picture, State
from gewu_dispatch.domain.proof import unproven

_envelope = codec.Envelope(codec.ACTION, "gewu/dispatch")


PictureName = Annotated[
    str,
    Meta(
        max_length=400,
        description="The `picture` that POST /v1/pictures?department=… answered with, within the last 24 hours.",
    ),
]


class MoveSaid(Struct, forbid_unknown_fields=True):
    """A department's move on a case."""

    kind: Literal["accept", "return", "done", "extend"]
    note: Annotated[
        str,
        Meta(
            max_length=2000,
            pattern=r"^[^\x00]*$",
            description="Needed for return: why it is not yours; and for extend: why it takes longer.",
        ),
    ] = ""
    id: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z0-9._:-]{1,64}$",
                description="Your own id of this move; sent again with it, it stays one.",
            ),
        ]
        | None
    ) = None
    until: (
        Annotated[
            datetime,
            Meta(
                tz=True,
                description="Of extend, and needed there: until when; after the deadline, at most 90 days ahead.",
            ),
        ]
        | None
    ) = None
    pictures: Annotated[
        tuple[PictureName, ...], Meta(max_length=PICTURES, description="Of done: what it looks like now.")
    ] = ()

    def wrong(self) -> list[Wrong]:
        """What does not belong to a move of this kind."""
        found = []
        if self.until is not None and self.kind != "extend":
            found.append(Wrong("$.until", "invalid", "only with extend"))
        if self.pictures and self.kind != "done":
            found.append(Wrong("$.pictures", "invalid", "only with done"))
        for n, name in enumerate(self.pictures):
            if claimed(name) is None:
                found.append(
                    Wrong(f"$.pictures[{n}]", "picture_not_ours", "no `picture` that POST /v1/pictures answers with")
                )
        return found


class Unsaid(Exception):
    """No ack for an action; code: unknown or overloaded."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Desk:
    """Says actions and answers what became of them."""

    def __init__(
        self, producer: Producer, fallback: str, departments: Collection[str], clock: Clock, references: References
    ) -> None:
        self._producer, self._fallback, self._clock, self._references = producer, fallback, clock, references
        self._partitions = {t.name: t.partitions for t in topics.registry(departments)}
        self.departments = departments

    def lawful(self, state: State, department: str) -> list[str]:
        """The department's moves in this state, as words."""
        return [k.name.lower() for k in moves(state, department, self._fallback)]

    def early_refusal(self, state: State, action: Action, complete_by: datetime | None) -> Refusal | None:
        """Why the move would be refused if it were judged now; the real judgement comes with the log's order."""
        if action.kind not in moves(state, action.department, self._fallback):
            return Refusal.NOT_LAWFUL_NOW
        return wanting(action, micros(complete_by) if complete_by else None, micros(self._clock.now()))

    def word(self, case_id: str, department: str, move: MoveSaid, said_by: str) -> Action:
        """The move as an action."""
        client_id, now = move.id or ids.new_client_id(), micros(self._clock.now())
        pictures = tuple(
            Picture(p.sha256, p.bytes, p.type, p.masked_by, name)
            for name in move.pictures
            if (p := claimed(name)) is not None
        )
        return Action(
            ids.action_id(department, client_id), client_id, department, case_id, Kind[move.kind.upper()], move.note,
            now, said_by, until=micros(move.until) if move.until else None, pictures=pictures,
            unproven=unproven(pictures, department, now, self._references),
        )  # fmt: skip

    def said(self, move_id: str, departments: Collection[str]) -> list[str]:
        """The ids that a move has where one of these departments said it under this id of its own."""
        return [ids.action_id(d, move_id) for d in departments]

    async def say(self, action: Action) -> None:
        """Say it on actions.<department> and wait for the ack; raises Unsaid."""
        message = Wire(
            client_id=action.client_id,
            case_id=action.case_id,
            kind=int(action.kind),
            note=action.note,
            said_by=action.said_by,
        )
        message.said_at.FromMicroseconds(action.said_at)
        if action.until is not None:
            message.until.FromMicroseconds(action.until)
        for p in action.pictures:
            message.pictures.add(
                sha256=p.sha256, bytes=p.bytes, type=p.type, masked_by=p.masked_by, reference=p.reference
            )
        topic = topics.actions(action.department)
        place = topics.partition(action.case_id, self._partitions[topic])
        record = action.case_id.encode(), message.SerializeToString(), _envelope.headers(action.action_id)
        try:
            await say(self._producer, topic, place, record)
        except Unknown:
            raise Unsaid("unknown", "it may stand in the log: send it again under the same id") from None
        except Fault:
            raise Unsaid("overloaded", "send it again later") from None
