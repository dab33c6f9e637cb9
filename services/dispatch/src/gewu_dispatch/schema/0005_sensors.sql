-- What is kept of a sensor: one row each, which its readings move; there is none for a reading.
CREATE TABLE sensors (
    sensor_id    text PRIMARY KEY,
    session      bigint      NOT NULL,
    counter      bigint      NOT NULL,  -- the highest of its session: whatever is not above it came before
    at           timestamptz NOT NULL,  -- of the last reading, by which dwell runs
    received_at  timestamptz NOT NULL,
    value        float8      NOT NULL,
    level        smallint    NOT NULL,  -- 0 normal, 1 high, 2 low
    said         smallint    NOT NULL,  -- the level that cases know
    beyond       smallint    NOT NULL,  -- the side of values that are not a crossing yet
    beyond_since timestamptz,
    raises       bigint[]    NOT NULL,  -- when it crossed, in microseconds since 1970, as far back as flapping looks
    is_flapping  boolean     NOT NULL,
    case_id      uuid,                  -- that its crossing opened or joined
    due_at       timestamptz            -- when silence is looked for; no reading moves it, so that none writes the index
) WITH (fillfactor = 70);
CREATE INDEX sensors_due ON sensors (due_at) WHERE due_at IS NOT NULL;
