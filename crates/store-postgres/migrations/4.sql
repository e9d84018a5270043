-- How the contest's subjects are compared, as JSON; null until its first pass of a subject. Contests that were there before go on as they were, byte for byte.
ALTER TABLE contests ADD COLUMN subjects text DEFAULT '{"form":"raw"}';
ALTER TABLE contests ALTER COLUMN subjects DROP DEFAULT;
