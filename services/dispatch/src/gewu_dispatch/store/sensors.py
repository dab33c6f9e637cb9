"""Rows of sensors: one each, moved by its readings and looked at for silence."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from gewu.clock import SECOND
from gewu.runtime.postgres import Connection
from gewu_dispatch.domain.sensing import Level, State
from gewu_dispatch.store.columns import columns

_LEVELS = {level.value: level for level in Level}
_COLUMNS = """sensor_id, session, counter, at, received_at, value, level, said, beyond, beyond_since, raises, is_flapping,
    case_id, due_at"""
# In the order of their ids, as all who lock more than one do.
_LOCK = f"SELECT {_COLUMNS} FROM sensors WHERE sensor_id = ANY($1::text[]) ORDER BY sensor_id FOR UPDATE"
# Times of crossings are joined for the way: unnest would flatten an array of arrays.
_SAVE = f"""
INSERT INTO sensors ({_COLUMNS})
SELECT sensor_id, session, counter, to_timestamp(at), to_timestamp(received_at), value, level, said, beyond,
    to_timestamp(beyond_since), string_to_array(raises, ',')::bigint[], is_flapping, case_id, to_timestamp(due_at)
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::float8[], $5::float8[], $6::float8[], $7::smallint[], $8::smallint[],
    $9::smallint[], $10::float8[], $11::text[], $12::boolean[], $13::uuid[], $14::float8[])
AS s ({_COLUMNS})
ON CONFLICT (sensor_id) DO UPDATE SET session = excluded.session, counter = excluded.counter, at = excluded.at,
    received_at = excluded.received_at, value = excluded.value, level = excluded.level, said = excluded.said,
    beyond = excluded.beyond, beyond_since = excluded.beyond_since, raises = excluded.raises,
    is_flapping = excluded.is_flapping, case_id = excluded.case_id, due_at = excluded.due_at"""
# Whoever is being read this moment is not silent, and another replica may be at it already.
_DUE = """
SELECT sensor_id, received_at FROM sensors WHERE due_at <= to_timestamp($1::float8)
ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED"""
_LOOKED = """
UPDATE sensors s SET due_at = to_timestamp(l.due_at) FROM unnest($1::text[], $2::float8[]) AS l (sensor_id, due_at)
WHERE s.sensor_id = l.sensor_id"""


class Due(Struct, frozen=True):
    """A sensor that is looked at for silence, and when its last reading was received."""

    sensor_id: str
    received_at: int


async def lock(transaction: Connection, sensor_ids: Iterable[str]) -> dict[str, State]:
    """The states of these sensors, locked until the transaction ends; those that were never heard are left out."""
    found = {}
    for row in await transaction.fetch(_LOCK, sorted(set(sensor_ids))):
        (
            sensor_id, session, counter, at, received_at, value, level, said, beyond, beyond_since, raises, is_flapping, case_id,
            due_at,
        ) = row.values()  # fmt: skip
        found[sensor_id] = State(
            sensor_id, session, counter, at, received_at, value, _LEVELS[level], _LEVELS[said], _LEVELS[beyond], beyond_since,
            tuple(raises), is_flapping, str(case_id) if case_id else None, due_at,
        )  # fmt: skip
    return found


async def save(transaction: Connection, states: Iterable[State]) -> None:
    """Write states of sensors that are locked, or that were never heard."""
    if rows := [_row(s) for s in sorted(states, key=lambda s: s.sensor_id)]:
        await transaction.execute(_SAVE, *columns(rows))


async def last_heard(transaction: Connection) -> int | None:
    """When the last reading of any sensor was received; every row is read, which are as many as the city has sensors."""
    return await transaction.fetchval("SELECT max(received_at) FROM sensors")


async def due(transaction: Connection, until: int, most: int) -> list[Due]:
    """Sensors to be looked at by then, locked until the transaction ends."""
    return [Due(*row.values()) for row in await transaction.fetch(_DUE, until / SECOND, most)]


async def looked(transaction: Connection, next_look: Sequence[tuple[str, int | None]]) -> None:
    """When each of these, which are locked, is looked at again; None: not before its next reading."""
    if next_look:
        rows = [(sensor_id, None if at is None else at / SECOND) for sensor_id, at in next_look]
        await transaction.execute(_LOOKED, *columns(rows))


def _row(s: State) -> tuple[object, ...]:
    return (
        s.sensor_id, s.session, s.counter, s.at / SECOND, s.received_at / SECOND, s.value, s.level, s.said, s.beyond,
        None if s.beyond_since is None else s.beyond_since / SECOND, ",".join(map(str, s.raises)), s.is_flapping, s.case_id,
        None if s.due_at is None else s.due_at / SECOND,
    )  # fmt: skip
