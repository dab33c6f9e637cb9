-- Who is told of which version of a case, and what came of it.

-- include position_1

-- The newest version of each case that was taken in: what comes again behind it tells nobody anything.
CREATE TABLE passed (
    case_id     uuid PRIMARY KEY,
    incarnation int         NOT NULL,
    version     int         NOT NULL,
    at          timestamptz NOT NULL  -- when it was taken in; forgotten long after the log has forgotten it
);
CREATE INDEX passed_at ON passed (at);

CREATE TABLE notices (
    webhook_id    uuid PRIMARY KEY,      -- from (event, receiver): the same however often it is planned or sent
    receiver      text        NOT NULL,
    rule          text        NOT NULL,  -- by which it is told
    case_id       uuid        NOT NULL,
    incarnation   int         NOT NULL,
    version       int         NOT NULL,
    lane          smallint    NOT NULL,
    exercise      boolean     NOT NULL,
    body          bytea       NOT NULL,  -- the same bytes at every attempt
    state         text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'sent', 'failed')),
    attempts      int         NOT NULL DEFAULT 0,  -- claims; each is an attempt, or was one when its process died
    planned_at    timestamptz NOT NULL,
    due_at        timestamptz NOT NULL,  -- not before; of a claimed one, when the claim runs out
    claimed_until timestamptz,
    ended_at      timestamptz,
    outcomes      text[]      NOT NULL DEFAULT '{}'  -- of each attempt a word, with the status if there was one
);
-- What a claim looks through: a receiver's open notices, the most urgent first.
CREATE INDEX notices_due ON notices (receiver, lane, due_at) WHERE state = 'open';
CREATE INDEX notices_ended ON notices (ended_at) WHERE state <> 'open';

-- Receivers that said 410: nothing is sent to them until a person says so, or the package gives them another address.
CREATE TABLE disabled (
    receiver text PRIMARY KEY,
    url      text        NOT NULL,
    at       timestamptz NOT NULL
);
