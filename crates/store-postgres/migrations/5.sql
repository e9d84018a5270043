-- An Idempotency-Key is a staff key's: the requests of one staff key use up none of another's.
ALTER TABLE commands DROP CONSTRAINT commands_contest_key_key;
ALTER TABLE commands ADD UNIQUE (contest, key, staff);

-- Empty in rows from before: which staff key asked was not kept. Without a default, so that a process of an older program cannot mint any more: two
-- staff keys that use one Idempotency-Key would get the same voters without names.
ALTER TABLE pass_requests ADD COLUMN staff text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE pass_requests ALTER COLUMN staff DROP DEFAULT;
ALTER TABLE pass_requests DROP CONSTRAINT pass_requests_pkey;
ALTER TABLE pass_requests ADD PRIMARY KEY (contest, key, staff);
