CREATE TABLE outbox (
    seq         bigint      GENERATED ALWAYS AS IDENTITY,  -- age only; never a cursor: a younger id may commit first
    subject     uuid        NOT NULL,  -- the case; of a refused action the event itself
    incarnation int         NOT NULL,
    version     int         NOT NULL,
    topic       text        NOT NULL,
    partition   int         NOT NULL,
    key         text        NOT NULL,
    shard       smallint    NOT NULL,
    lane        smallint    NOT NULL,
    event_id    uuid        NOT NULL,
    type        text        NOT NULL,
    value       bytea       NOT NULL,
    cause       uuid,                  -- the signal or action behind it, for whoever follows one through the logs
    received_at timestamptz,           -- of the causing signal, where the event's age is measured
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (subject, incarnation, version, topic)
);
CREATE INDEX outbox_urgent ON outbox (lane, seq);
CREATE INDEX outbox_age ON outbox (created_at);
