-- An Idempotency-Key is a staff key's: the requests of one staff key use up none of another's. SQLite changes no constraint of a table: both are made again.
CREATE TABLE new_commands (
    number INTEGER PRIMARY KEY,
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    staff TEXT NOT NULL,
    command TEXT NOT NULL, -- JSON
    received TEXT NOT NULL,
    outcome TEXT, -- JSON, null while it waits
    UNIQUE (contest, key, staff)
) STRICT;
INSERT INTO new_commands (number, contest, key, staff, command, received, outcome)
    SELECT number, contest, key, staff, command, received, outcome FROM commands ORDER BY number;
DROP TABLE commands;
ALTER TABLE new_commands RENAME TO commands;

-- Requests that minted passes, so that a repeated one is not counted twice.
CREATE TABLE new_pass_requests (
    contest INTEGER NOT NULL REFERENCES contests (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    staff TEXT NOT NULL, -- empty in rows from before: which staff key asked was not kept
    request BLOB NOT NULL, -- hash of its content
    PRIMARY KEY (contest, key, staff)
) STRICT, WITHOUT ROWID;
INSERT INTO new_pass_requests (contest, key, staff, request) SELECT contest, key, '', request FROM pass_requests;
DROP TABLE pass_requests;
ALTER TABLE new_pass_requests RENAME TO pass_requests;
