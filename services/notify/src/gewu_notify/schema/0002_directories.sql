-- What an audit must know to decide again who had to be told.

-- By which package it was decided from this offset of cases.changed on, until the next row of the partition.
CREATE TABLE directories (
    partition    int    NOT NULL,
    first_offset bigint NOT NULL,
    package      text   NOT NULL,
    PRIMARY KEY (partition, first_offset)
);

-- Below this offset there may be changes that were too old for anybody when they were read.
CREATE TABLE too_old (
    partition   int    PRIMARY KEY,
    next_offset bigint NOT NULL
);

-- Notices that ended before this moment may be gone from the ledger.
CREATE TABLE forgotten (until timestamptz NOT NULL);
INSERT INTO forgotten VALUES ('1970-01-01T00:00:00Z');
