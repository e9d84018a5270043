-- From when on the key is refused, in seconds since 1970; null if it does not expire.
ALTER TABLE staff_keys ADD COLUMN expires INTEGER;
