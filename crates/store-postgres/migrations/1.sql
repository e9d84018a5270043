-- Everything that must last. One row a contest in `contests`; its number stands for it elsewhere, and in the names of its
-- partitions. Text that is a key or sorted compares by its bytes, as everywhere else in the engine.

CREATE TABLE installation (
    name text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE staff_keys (
    name text COLLATE "C" PRIMARY KEY,
    hash bytea NOT NULL UNIQUE,
    role text NOT NULL,
    contests text, -- JSON list of ids, null for all
    created bigint NOT NULL,
    revoked bigint
);

CREATE TABLE contests (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- never used again after a deletion
    id text COLLATE "C" NOT NULL UNIQUE,
    revision bigint NOT NULL,
    definition text NOT NULL, -- JSON
    test boolean NOT NULL,
    phase text NOT NULL,
    closes bigint NOT NULL,
    withdrawn text NOT NULL, -- JSON list of entry ids
    epoch bigint NOT NULL, -- of the intake's session; any 64 bits
    shards integer NOT NULL, -- of the intake; 0 before the opening
    tag_key bytea NOT NULL -- wrapped; empty once it is destroyed
);

-- Ids of deleted contests that had passes or a log: their passes would vote again, and one origin would have two histories.
CREATE TABLE retired (
    id text COLLATE "C" PRIMARY KEY
);

-- Apart from `contests`: it changes with every batch, and a definition can be large. Pages are left half empty, so that the
-- new version of a row finds room beside the old one and no index is touched.
CREATE TABLE heads (
    contest integer PRIMARY KEY REFERENCES contests (number) ON DELETE CASCADE,
    size bigint NOT NULL,
    root bytea NOT NULL,
    checkpoint text NOT NULL,
    cursors bytea NOT NULL -- how far the intake is recorded
) WITH (fillfactor = 50);

-- The two big tables have a partition each contest, `entries_<number>` and `ballots_<number>`, made and dropped with it; a
-- partition's primary key is the log index or the ballot's id alone. No foreign keys: a deletion drops the partitions.
-- Columns are ordered so that little is lost to alignment.
CREATE TABLE entries (
    log_index bigint NOT NULL,
    contest integer NOT NULL,
    entry bytea NOT NULL
) PARTITION BY LIST (contest);

CREATE TABLE ballots (
    log_index bigint NOT NULL,
    id uuid NOT NULL, -- 16 bytes without a length
    contest integer NOT NULL,
    state smallint NOT NULL, -- 0 recorded, 1 replaced, 2 voided
    reason text -- of a void, as a JSON string: Postgres's text cannot hold every character
) PARTITION BY LIST (contest);

CREATE TABLE tiles (
    contest integer NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    level smallint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (contest, level, number)
);
ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL; -- hashes do not compress

CREATE TABLE commands (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contest integer NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    key text COLLATE "C" NOT NULL,
    staff text NOT NULL,
    command text NOT NULL, -- JSON
    received text NOT NULL,
    outcome text, -- JSON, null while it waits
    UNIQUE (contest, key)
);
CREATE INDEX commands_pending ON commands (contest, number) WHERE outcome IS NULL;

CREATE TABLE passes (
    contest integer NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    source text COLLATE "C" NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (contest, source)
);

-- Requests that minted passes, so that a repeated one is not counted twice.
CREATE TABLE pass_requests (
    contest integer NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    key text COLLATE "C" NOT NULL,
    request bytea NOT NULL, -- hash of its content
    PRIMARY KEY (contest, key)
);

-- Ballots that were told `accepted` and are not in the log.
CREATE TABLE rejections (
    contest integer NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    id uuid NOT NULL,
    rejection text NOT NULL, -- JSON
    PRIMARY KEY (contest, id)
);

-- Recorded ballots by the minute of their arrival.
CREATE TABLE turnout (
    contest integer NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    minute bigint NOT NULL, -- since 1970, UTC
    channel text COLLATE "C" NOT NULL, -- empty for none
    "group" text COLLATE "C" NOT NULL, -- empty for none
    ballots bigint NOT NULL,
    PRIMARY KEY (contest, minute, channel, "group")
);

-- Which process sequences a contest, by this server's clock.
CREATE TABLE leases (
    contest integer PRIMARY KEY REFERENCES contests (number) ON DELETE CASCADE,
    holder bigint NOT NULL, -- any 64 bits
    until timestamptz NOT NULL
) WITH (fillfactor = 50);
