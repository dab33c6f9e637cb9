"""The desk: what a department does over HTTP is said on its own topic, the same road as if it had written there itself."""

from collections.abc import Collection
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gewu import codec, ids, topics
from gewu.clock import Clock, micros
from gewu.runtime.producer import Fault, Producer, Unknown, say
from gewu.v1.action_pb2 import Action as Wire
from gewu_dispatch.domain.action import Action, Kind, Refusal, moves
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

    def __init__(self, producer: Producer, fallback: str, departments: Collection[str], clock: Clock) -> None:
        self._producer, self._fallback, self._clock = producer, fallback, clock
        self._partitions = {t.name: t.partitions for t in topics.registry(departments)}
        self.departments = departments

    def lawful(self, state: State, department: str) -> list[str]:
        """The department's moves in this state, as words."""
        return [k.name.lower() for k in moves(state, department, self._fallback)]

    def early_refusal(self, state: State, department: str, move: MoveSaid) -> Refusal | None:
        """Why the move would be refused if it were judged now; the real judgement comes with the log's order."""
        kind = Kind[move.kind.upper()]
        if kind not in moves(state, department, self._fallback):
            return Refusal.NOT_LAWFUL_NOW
        return Refusal.NOTE_MISSING if kind is Kind.RETURN and not move.note.strip() else None

    def word(self, case_id: str, department: str, move: MoveSaid, said_by: str) -> Action:
        """The move as an action."""
        client_id = move.id or ids.new_client_id()
        return Action(
            ids.action_id(department, client_id), client_id, department, case_id, Kind[move.kind.upper()], move.note,
            micros(self._clock.now()), said_by,
        )  # fmt: skip

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
        topic = topics.actions(action.department)
        place = topics.partition(action.case_id, self._partitions[topic])
        record = action.case_id.encode(), message.SerializeToString(), _envelope.headers(action.action_id)
        try:
            await say(self._producer, topic, place, record)
        except Unknown:
            raise Unsaid("unknown", "it may stand in the log: send it again under the same id") from None
        except Fault:
            raise Unsaid("overloaded", "send it again later") from None
