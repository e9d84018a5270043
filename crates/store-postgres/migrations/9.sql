-- Commands are looked up by what they say, not by how their JSON begins. The columns hold JSON, as `->` gives it; Postgres does not read a JSON with
-- U+0000 in a text, so U+FFFD stands for it.
ALTER TABLE commands
    ADD COLUMN kind text COLLATE "C" GENERATED ALWAYS AS ((replace(command, '\u0000', '\ufffd')::json -> 'command')::text) STORED,
    ADD COLUMN panel text COLLATE "C" GENERATED ALWAYS AS ((replace(command, '\u0000', '\ufffd')::json -> 'panel')::text) STORED,
    ADD COLUMN juror text COLLATE "C" GENERATED ALWAYS AS ((replace(command, '\u0000', '\ufffd')::json -> 'juror')::text) STORED,
    ADD COLUMN category text COLLATE "C" GENERATED ALWAYS AS ((replace(command, '\u0000', '\ufffd')::json -> 'category')::text) STORED,
    ADD COLUMN criterion text COLLATE "C" GENERATED ALWAYS AS ((replace(command, '\u0000', '\ufffd')::json -> 'criterion')::text) STORED,
    ADD COLUMN entry text COLLATE "C" GENERATED ALWAYS AS ((replace(command, '\u0000', '\ufffd')::json -> 'entry')::text) STORED,
    ADD COLUMN recorded boolean GENERATED ALWAYS AS ((replace(outcome, '\u0000', '\ufffd')::json -> 'outcome')::text = '"recorded"') STORED;
CREATE INDEX commands_recorded ON commands (contest, kind, number) WHERE recorded;
