-- What a department asks for and shows: until when it would be done, and pictures of what was done, by reference.
ALTER TABLE actions ADD COLUMN until timestamptz;

CREATE TABLE action_pictures (
    action_id uuid   NOT NULL,
    sha256    bytea  NOT NULL,
    bytes     bigint NOT NULL,
    type      text   NOT NULL,
    masked_by text   NOT NULL,
    PRIMARY KEY (action_id, sha256)
);
