-- Revocations of staff keys by request: a late repetition must not revoke the next key of the name.
CREATE TABLE key_revocations (
    staff TEXT NOT NULL, -- name of the key that asked
    key TEXT NOT NULL, -- its Idempotency-Key
    revoked TEXT NOT NULL, -- the key that was revoked, as JSON
    PRIMARY KEY (staff, key)
) STRICT, WITHOUT ROWID;
