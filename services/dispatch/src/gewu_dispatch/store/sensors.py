"""Rows of sensors: one each, moved by its readings and looked at for silence."""

from collections.abc import Collection, Iterable, Sequence

from gewu.clock import SECOND
from gewu.runtime.postgres import Connection
from gewu_dispatch.domain.sensing import Level, State
from gewu_dispatch.domain.silence import Due
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
# Whoever is being read this moment is not silent, and another replica may be at it already. What was said of an earlier silence
# is over with the next reading, which does not write these columns.
_DUE = """
SELECT sensor_id, received_at, CASE WHEN silent_since = received_at THEN silent_said END FROM sensors
WHERE due_at <= to_timestamp($1::float8) ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED"""
_LOOKED = """
UPDATE sensors s SET due_at = to_timestamp(l.due_at), silent_said = coalesce(l.said, s.silent_said),
    silent_since = CASE WHEN l.said IS NULL THEN s.silent_since ELSE s.received_at END
FROM unnest($1::text[], $2::float8[], $3::uuid[]) AS l (sensor_id, due_at, said) WHERE s.sensor_id = l.sensor_id"""
# By its index: of a city's sensors few are beyond their limits.
_BEYOND = "SELECT DISTINCT case_id FROM sensors WHERE case_id = ANY($1::uuid[]) AND said <> 0"


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
    rows = await transaction.fetch(_DUE, until / SECOND, most)
    return [Due(sensor_id, received_at, str(said) if said else None) for sensor_id, received_at, said in rows]


async def looked(transaction: Connection, looks: Sequence[tuple[str, int | None, str | None]]) -> None:
    """When each of these, which are locked, is looked at again (None: not before its next reading), and the signal by which it
    is said to be silent now; None where nothing is said."""
    if looks:
        rows = [(sensor_id, None if at is None else at / SECOND, said) for sensor_id, at, said in looks]
        await transaction.execute(_LOOKED, *columns(rows))


async def beyond(transaction: Connection, case_ids: Collection[str]) -> set[str]:
    """Those of these cases that have a sensor beyond its limit still. They are locked: whoever else ends or begins a crossing of
    one of them waits, so that of two that end together the second one sees the first."""
    if not case_ids:
        return set()
    return {str(row[0]) for row in await transaction.fetch(_BEYOND, list(case_ids))}


def _row(s: State) -> tuple[object, ...]:
    return (
        s.sensor_id, s.session, s.counter, s.at / SECOND, s.received_at / SECOND, s.value, s.level, s.said, s.beyond,
        None if s.beyond_since is None else s.beyond_since / SECOND, ",".join(map(str, s.raises)), s.is_flapping, s.case_id,
        None if s.due_at is None else s.due_at / SECOND,
    )  # fmt: skip
