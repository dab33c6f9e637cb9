-- Plates that a dated rule of two persons asked for: sealed, apart from everything else, under the keys that seal contacts.
-- A dump shows nobody's, and what a key sealed is forgotten by deleting the key.
CREATE TABLE plates (
    signal_id uuid PRIMARY KEY,
    key_id    text  NOT NULL,
    box       bytea NOT NULL,
    rule_id   text  NOT NULL,
    purpose   text  NOT NULL,  -- the rule's, as of when it was found
    camera_id text  NOT NULL
);

-- A look is at a picture or at a plate, which its signal's id names.
ALTER TABLE views ALTER COLUMN sha256 DROP NOT NULL, ADD COLUMN plate uuid;
ALTER TABLE views ADD CONSTRAINT views_one_thing CHECK (num_nonnulls(sha256, plate) = 1) NOT VALID;
