-- How the contest's subjects are compared, as JSON; null until its first pass of a subject. Contests that were there before go on as they were, byte for byte.
ALTER TABLE contests ADD COLUMN subjects text DEFAULT '{"form":"raw"}';
ALTER TABLE contests ALTER COLUMN subjects DROP DEFAULT;

-- The schema that the row was written under. Without a default, so that a process of an older program, which compares subjects byte for byte and would make
-- two voters of one, cannot mint any more if it was left running.
ALTER TABLE pass_requests ADD COLUMN schema integer NOT NULL DEFAULT 3;
ALTER TABLE pass_requests ALTER COLUMN schema DROP DEFAULT;
