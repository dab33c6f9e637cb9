-- Who saw which picture: a row before the picture is given, and no row is ever changed.

CREATE TABLE views (
    view_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    key_id  text        NOT NULL,
    case_id uuid        NOT NULL,  -- by which this key may see it
    sha256  bytea       NOT NULL,
    purpose text        NOT NULL   -- as whoever looked said
);
CREATE INDEX views_case ON views (case_id, at);

CREATE FUNCTION views_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of views stays as it is';
END $$;
CREATE TRIGGER views_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON views FOR EACH STATEMENT EXECUTE FUNCTION views_stay();

-- From a picture to the cases that name it.
CREATE INDEX pictures_sha256 ON pictures (sha256);
