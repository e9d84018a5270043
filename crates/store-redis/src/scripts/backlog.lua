#!lua flags=no-writes
-- Returns how many items wait in one shard, and since when.
--
-- KEYS: meta, index
-- ARGV: 1 epoch
-- Returns {items, header of the oldest block or ''}.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'total', 'base_total')
if meta[1] ~= ARGV[1] then return {0, ''} end
return {meta[2] - meta[3], redis.call('LINDEX', KEYS[2], 0) or ''}
