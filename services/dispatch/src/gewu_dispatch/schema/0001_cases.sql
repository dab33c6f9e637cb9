-- Cases, the signals behind them, their history and clocks, and departments' actions.

CREATE TABLE deployment (
    singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    incarnation int     NOT NULL  -- raised by a restore; part of every version and event id
);
INSERT INTO deployment (incarnation) VALUES (1);

-- include position_1

-- include outbox_1

CREATE TABLE cases (
    case_id         uuid PRIMARY KEY,
    incarnation     int         NOT NULL,
    version         int         NOT NULL,
    state           smallint    NOT NULL,  -- the wire's numbers
    lane            smallint    NOT NULL,
    category        text        NOT NULL,
    lon             float8,
    lat             float8,
    grid_id         text        NOT NULL,
    grid_path       text[]      NOT NULL,
    home_area       text        NOT NULL,
    department      text        NOT NULL,
    routed_because  text        NOT NULL,
    rule_id         text        NOT NULL,
    object_id       text        NOT NULL,
    signals         int         NOT NULL,
    exercise        boolean     NOT NULL,
    package_version text        NOT NULL,
    opened_at       timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    last_signal_at  timestamptz NOT NULL,
    complete_by     timestamptz,
    near            bigint      -- class and fine cell, by which joining finds candidates
);
-- Two indexes beside the key, because each costs every case some 2 us of the server's time and this is the hot table.
-- Only open cases can be joined; the index stays as small as the day's work, and so it finds open cases for a page as well,
-- whatever department or area they are of.
CREATE INDEX cases_near ON cases (near) WHERE state IN (4, 5);
-- In the order of a page: read from the newest until the page is full. With a department or area that has 1 in 100 of all
-- cases, some 5,000 rows are read for 50, in under 1 ms. An index by department would be faster only for closed cases of
-- one that has fewer than 1 in 1,000 or so, for which the table is read (0.1 s a million cases); GIN on grid_path likewise.
CREATE INDEX cases_opened ON cases (opened_at DESC, case_id DESC);

CREATE TABLE signals (
    signal_id        uuid PRIMARY KEY,
    outcome          text        NOT NULL CHECK (outcome IN ('opened', 'joined')),
    case_id          uuid        NOT NULL,
    case_incarnation int         NOT NULL,
    case_version     int         NOT NULL,  -- the version that took it in
    because          text        NOT NULL,
    distance_m       real,
    kind             smallint    NOT NULL,
    content          bytea       NOT NULL,
    lane             smallint    NOT NULL,
    source           text        NOT NULL,
    client_id        text        NOT NULL,
    observed_at      timestamptz NOT NULL,
    received_at      timestamptz NOT NULL,
    lon              float8,
    lat              float8,
    accuracy_m       real,
    address          text        NOT NULL,
    grid_id          text        NOT NULL,
    home_area        text        NOT NULL,
    package_version  text        NOT NULL,
    said             text        NOT NULL,
    text             text        NOT NULL,
    object_id        text        NOT NULL,
    exercise         boolean     NOT NULL
);
CREATE INDEX signals_case ON signals (case_id);

-- Pictures by reference: what is named here is never swept from the object store.
CREATE TABLE pictures (
    signal_id uuid   NOT NULL,
    sha256    bytea  NOT NULL,
    bytes     bigint NOT NULL,
    type      text   NOT NULL,
    masked_by text   NOT NULL,
    PRIMARY KEY (signal_id, sha256)
);

-- A known id that came again with another content: kept and shown, never taken for the first.
CREATE TABLE conflicts (
    topic       text        NOT NULL,
    partition   int         NOT NULL,
    log_offset  bigint      NOT NULL,
    signal_id   uuid        NOT NULL,
    content     bytea       NOT NULL,
    received_at timestamptz NOT NULL,
    said        text        NOT NULL,
    text        text        NOT NULL,
    PRIMARY KEY (topic, partition, log_offset)
);
CREATE INDEX conflicts_signal ON conflicts (signal_id);

-- Contacts stand alone, still sealed: a dump without dispatch's private keys shows nobody.
CREATE TABLE contacts (
    signal_id uuid PRIMARY KEY,
    key_id    text  NOT NULL,
    box       bytea NOT NULL
);

CREATE TABLE history (
    case_id     uuid        NOT NULL,
    incarnation int         NOT NULL,
    version     int         NOT NULL,
    at          timestamptz NOT NULL,
    change      smallint    NOT NULL,
    state       smallint    NOT NULL,
    lane        smallint    NOT NULL,
    department  text        NOT NULL,
    because     text        NOT NULL,
    rule_id     text        NOT NULL,
    signals     int         NOT NULL,  -- how many stood behind the case at this version
    action_id   uuid,
    said_by     text        NOT NULL DEFAULT '',
    note        text        NOT NULL DEFAULT '',
    PRIMARY KEY (case_id, incarnation, version)
);

-- Every start, pause, resume and extension of a clock: the answer to "why is it due then?".
CREATE TABLE clock_ledger (
    case_id uuid        NOT NULL,
    clock   text        NOT NULL,
    step    int         NOT NULL,
    entry   text        NOT NULL,
    at      timestamptz NOT NULL,
    due_at  timestamptz,
    why     text        NOT NULL,
    PRIMARY KEY (case_id, clock, step)
);

CREATE TABLE actions (
    action_id  uuid PRIMARY KEY,
    client_id  text        NOT NULL,
    department text        NOT NULL,
    case_id    text        NOT NULL,  -- as said: it may name no case at all
    kind       int         NOT NULL,  -- as said: it may be one that this version does not know
    content    bytea       NOT NULL,
    note       text        NOT NULL,
    said_by    text        NOT NULL,
    said_at    timestamptz NOT NULL,
    at         timestamptz NOT NULL,
    refusal    smallint               -- NULL: applied
);
