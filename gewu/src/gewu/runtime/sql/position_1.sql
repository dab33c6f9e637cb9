-- One counter an outcome; the check keeps the books balanced in every row, always.
CREATE TABLE position (
    topic        text   NOT NULL,
    partition    int    NOT NULL,
    first_offset bigint NOT NULL,
    next_offset  bigint NOT NULL,
    skipped      bigint NOT NULL DEFAULT 0,  -- offsets that hold no record: a transaction's marker
    opened       bigint NOT NULL DEFAULT 0,
    joined       bigint NOT NULL DEFAULT 0,
    duplicate    bigint NOT NULL DEFAULT 0,
    conflict     bigint NOT NULL DEFAULT 0,
    measured     bigint NOT NULL DEFAULT 0,
    applied      bigint NOT NULL DEFAULT 0,
    refused      bigint NOT NULL DEFAULT 0,
    parked       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition),
    CONSTRAINT books_balance CHECK (
        next_offset - first_offset
            = skipped + opened + joined + duplicate + conflict + measured + applied + refused + parked
    )
);
