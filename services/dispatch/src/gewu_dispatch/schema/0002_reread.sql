-- Where the log ended when this database came back from a dump: up to there dispatch reads again what it had read before.
-- Empty in a database that was never restored.
CREATE TABLE reread (
    topic     text   NOT NULL,
    partition int    NOT NULL,
    until     bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);
