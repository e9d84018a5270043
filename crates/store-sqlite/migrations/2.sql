-- A juror's key is for one panel of its one contest.
ALTER TABLE staff_keys ADD COLUMN panel TEXT;
