-- Revocations of passes, until the contest's tag key is destroyed: reason and content may tell who a voter is.
CREATE TABLE revocations (
    generation integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- of the installation; never used again
    contest integer NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    key text COLLATE "C" NOT NULL,
    staff text COLLATE "C" NOT NULL,
    request bytea NOT NULL, -- hash of its content
    mode text NOT NULL,
    reason text NOT NULL,
    at bigint NOT NULL,
    UNIQUE (contest, key, staff)
);

-- Voters whose passes of a lower generation are refused.
CREATE TABLE revoked_voters (
    contest integer NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    tag bytea NOT NULL,
    generation integer NOT NULL,
    barred boolean NOT NULL, -- whether no pass is minted for the voter
    PRIMARY KEY (contest, tag)
);
CREATE INDEX revoked_voters_by_generation ON revoked_voters (generation);

-- What the passes of a request say; null in rows from before, whose passes are of version 1.
ALTER TABLE pass_requests ADD COLUMN pass_key bigint;
ALTER TABLE pass_requests ADD COLUMN expires bigint;
ALTER TABLE pass_requests ADD COLUMN admitted bigint;
ALTER TABLE pass_requests ADD COLUMN generation integer;
