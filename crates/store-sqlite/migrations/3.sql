-- A row holds entries that were appended together, one a line, and is found by the index of the first.
ALTER TABLE entries RENAME COLUMN entry TO lines;
