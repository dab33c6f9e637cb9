"""The desk: what a department does over HTTP is said on its own topic, the same road as if it had written there itself."""

import asyncio
from datetime import UTC
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gewu import codec, ids, topics
from gewu.clock import Clock
from gewu.runtime.groupcommit import Fault, Producer, Unknown
from gewu.v1.action_pb2 import Action as Wire
from gewu_dispatch import views
from gewu_dispatch.domain.action import Kind, Refusal, moves
from gewu_dispatch.domain.case import State

_envelope = codec.Envelope(codec.ACTION, "gewu/dispatch")


class MoveSaid(Struct, forbid_unknown_fields=True):
    """A department's move on a case."""

    kind: Literal["accept", "return", "done"]
    note: Annotated[
        str, Meta(max_length=2000, pattern=r"^[^\x00]*$", description="Needed for return: why it is not yours.")
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


class Unsaid(Exception):
    """No ack for an action; code: unknown or overloaded."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Desk:
    """Says actions and answers what became of them."""

    def __init__(self, producer: Producer, fallback: str, registry: tuple[topics.Topic, ...], clock: Clock) -> None:
        self._producer, self._fallback, self._clock = producer, fallback, clock
        self._partitions = {t.name: t.partitions for t in registry}

    def lawful(self, state: State, department: str) -> list[str]:
        """The department's moves in this state, as words."""
        return [k.name.lower() for k in moves(state, department, self._fallback)]

    def early_refusal(self, state: State, department: str, move: MoveSaid) -> Refusal | None:
        """Why the move would be refused if it were judged now; the real judgement comes with the log's order."""
        kind = Kind[move.kind.upper()]
        if kind not in moves(state, department, self._fallback):
            return Refusal.NOT_LAWFUL_NOW
        return Refusal.NOTE_MISSING if kind is Kind.RETURN and not move.note.strip() else None

    async def say(self, case_id: str, department: str, move: MoveSaid, said_by: str) -> str:
        """Say it on actions.<department> and wait for the ack; returns the action's id, raises Unsaid."""
        client_id = move.id or ids.new_client_id()
        action_id = ids.action_id(department, client_id)
        message = Wire(
            action_id=action_id, client_id=client_id, case_id=case_id, kind=Kind[move.kind.upper()].value, note=move.note,
            said_by=said_by,
        )  # fmt: skip
        message.said_at.FromDatetime(self._clock.now().astimezone(UTC))
        acked: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()
        topic = topics.actions(department)
        try:
            self._producer.append(
                topic, topics.partition(case_id, self._partitions[topic]), case_id.encode(), message.SerializeToString(),
                _envelope.headers(action_id), lambda fault: None if acked.done() else acked.set_result(fault),
            )  # fmt: skip
            fault = await acked
        except Fault as refused:
            fault = refused
        if fault:
            unknown = isinstance(fault, Unknown)
            raise Unsaid(
                "unknown" if unknown else "overloaded",
                "it may stand: send it again under the same id" if unknown else "send it again later",
            )
        return action_id

    def answer(self, action_id: str, refusal: int | None) -> views.ActionAnswer:
        """A judged action."""
        if refusal is None:
            return views.ActionAnswer(action_id, "applied")
        return views.ActionAnswer(action_id, "refused", Refusal(refusal).name.lower())
