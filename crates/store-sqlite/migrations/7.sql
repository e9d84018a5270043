-- Revocations of passes, until the contest's tag key is destroyed: reason and content may tell who a voter is.
CREATE TABLE revocations (
    generation INTEGER PRIMARY KEY AUTOINCREMENT, -- of the installation; never used again
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    staff TEXT NOT NULL,
    request BLOB NOT NULL, -- hash of its content
    mode TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (contest, key, staff)
) STRICT;

-- Voters whose passes of a lower generation are refused.
CREATE TABLE revoked_voters (
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    tag BLOB NOT NULL,
    generation INTEGER NOT NULL,
    barred INTEGER NOT NULL, -- whether no pass is minted for the voter
    PRIMARY KEY (contest, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_voters_by_generation ON revoked_voters (generation);

-- What the passes of a request say; null in rows from before, whose passes are of version 1.
ALTER TABLE pass_requests ADD COLUMN pass_key INTEGER;
ALTER TABLE pass_requests ADD COLUMN expires INTEGER;
ALTER TABLE pass_requests ADD COLUMN admitted INTEGER;
ALTER TABLE pass_requests ADD COLUMN generation INTEGER;
