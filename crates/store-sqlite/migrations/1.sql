-- Everything that must last. One row a contest in `contests`; its number is the first key column elsewhere, so that a contest's
-- rows lie together and appending stays at the right edge of each tree but `ballots`.

CREATE TABLE installation (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE staff_keys (
    name TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    contests TEXT, -- JSON list of ids, null for all
    created INTEGER NOT NULL,
    revoked INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE contests (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again after a deletion
    id TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    definition TEXT NOT NULL, -- JSON
    test INTEGER NOT NULL,
    phase TEXT NOT NULL,
    closes INTEGER NOT NULL,
    withdrawn TEXT NOT NULL, -- JSON list of entry ids
    epoch INTEGER NOT NULL, -- of the intake's session; any 64 bits
    shards INTEGER NOT NULL, -- of the intake; 0 before the opening
    tag_key BLOB NOT NULL -- wrapped; empty once it is destroyed
) STRICT;

-- Ids of deleted contests that had passes or a log: their passes would vote again, and one origin would have two histories.
CREATE TABLE retired (
    id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Apart from `contests`: it changes with every batch, and a definition can be large.
CREATE TABLE heads (
    contest INTEGER PRIMARY KEY REFERENCES contests (number) ON DELETE CASCADE,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    cursors BLOB NOT NULL -- how far the intake is recorded
) STRICT;

CREATE TABLE entries (
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    log_index INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (contest, log_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE ballots (
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    id BLOB NOT NULL,
    log_index INTEGER NOT NULL,
    state INTEGER NOT NULL, -- 0 recorded, 1 replaced, 2 voided
    reason TEXT, -- of a void
    PRIMARY KEY (contest, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE tiles (
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    UNIQUE (contest, level, number)
) STRICT;

CREATE TABLE commands (
    number INTEGER PRIMARY KEY,
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    staff TEXT NOT NULL,
    command TEXT NOT NULL, -- JSON
    received TEXT NOT NULL,
    outcome TEXT, -- JSON, null while it waits
    UNIQUE (contest, key)
) STRICT;

CREATE TABLE passes (
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    source TEXT NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (contest, source)
) STRICT, WITHOUT ROWID;

-- Requests that minted passes, so that a repeated one is not counted twice.
CREATE TABLE pass_requests (
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    request BLOB NOT NULL, -- hash of its content
    PRIMARY KEY (contest, key)
) STRICT, WITHOUT ROWID;

-- Ballots that were told `accepted` and are not in the log.
CREATE TABLE rejections (
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    id BLOB NOT NULL,
    rejection TEXT NOT NULL, -- JSON
    PRIMARY KEY (contest, id)
) STRICT, WITHOUT ROWID;

-- Recorded ballots by the minute of their arrival.
CREATE TABLE turnout (
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    minute INTEGER NOT NULL, -- since 1970, UTC
    channel TEXT NOT NULL, -- empty for none
    "group" TEXT NOT NULL, -- empty for none
    ballots INTEGER NOT NULL,
    PRIMARY KEY (contest, minute, channel, "group")
) STRICT, WITHOUT ROWID;
