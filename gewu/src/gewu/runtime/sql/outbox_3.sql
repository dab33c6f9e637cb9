-- What one transaction says to one partition is one row: a row for each event took a third of the server's time.
DROP INDEX outbox_urgent;
ALTER TABLE outbox DROP CONSTRAINT outbox_pkey;
ALTER TABLE outbox RENAME TO outbox_single;
CREATE TABLE outbox (
    seq        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- age only; never a cursor: a younger one may commit first
    shard      smallint    NOT NULL,
    lane       smallint    NOT NULL,
    topic      text        NOT NULL,
    partition  int         NOT NULL,
    raises     boolean     NOT NULL,  -- holds a case that has become more urgent: what its partition said before goes along
    count      int         NOT NULL,
    created_at timestamptz NOT NULL,
    events     text        NOT NULL  -- a JSON array of them: see gewu.runtime.outbox.Event
);
ALTER TABLE outbox ALTER events SET STORAGE EXTERNAL;  -- it is gone in a moment: not worth packing
CREATE INDEX outbox_urgent ON outbox (lane, seq);
CREATE INDEX outbox_place ON outbox (topic, partition, seq);
CREATE INDEX outbox_raised ON outbox (topic, partition) WHERE raises;
INSERT INTO outbox (shard, lane, topic, partition, raises, count, created_at, events)
SELECT (get_byte(decode(md5(topic), 'hex'), 0) + partition) % 32, lane, topic, partition,
    lane < max(lane) OVER (PARTITION BY subject, topic ORDER BY seq), 1, created_at,
    jsonb_build_array(jsonb_build_array(topic, partition, lane, event_id, type, version,
        translate(encode(value, 'base64'), E'\n', ''), key, cause, received_at))::text
FROM outbox_single ORDER BY seq;
DROP TABLE outbox_single;
