-- Commands are looked up by what they say, not by how their JSON begins. The columns hold JSON, as `->` gives it.
ALTER TABLE commands ADD COLUMN kind TEXT GENERATED ALWAYS AS (command -> '$.command') VIRTUAL;
ALTER TABLE commands ADD COLUMN panel TEXT GENERATED ALWAYS AS (command -> '$.panel') VIRTUAL;
ALTER TABLE commands ADD COLUMN juror TEXT GENERATED ALWAYS AS (command -> '$.juror') VIRTUAL;
ALTER TABLE commands ADD COLUMN category TEXT GENERATED ALWAYS AS (command -> '$.category') VIRTUAL;
ALTER TABLE commands ADD COLUMN criterion TEXT GENERATED ALWAYS AS (command -> '$.criterion') VIRTUAL;
ALTER TABLE commands ADD COLUMN entry TEXT GENERATED ALWAYS AS (command -> '$.entry') VIRTUAL;
ALTER TABLE commands ADD COLUMN recorded INTEGER GENERATED ALWAYS AS (outcome -> '$.outcome' = '"recorded"') VIRTUAL;
CREATE INDEX commands_recorded ON commands (contest, kind, number) WHERE recorded;
