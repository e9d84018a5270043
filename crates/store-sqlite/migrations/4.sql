-- How the contest's subjects are compared, as JSON; null until its first pass of a subject. Contests that were there before go on as they were, byte for
-- byte; a new row says null. Not by an update: in a file whose installation has moved away nobody may make one.
ALTER TABLE contests ADD COLUMN subjects TEXT DEFAULT '{"form":"raw"}';
