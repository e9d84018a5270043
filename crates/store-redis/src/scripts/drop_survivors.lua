#!lua flags=allow-oom
-- Drops survivors of one shard, unless they were dropped before.
--
-- KEYS: meta, survivors
-- ARGV: 1 epoch, 2 length of the list when it was read, 3 number of its first blocks to drop
-- Returns the number of blocks dropped.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
if redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[2]) then return 0 end
redis.call('LTRIM', KEYS[2], ARGV[3], -1)
return tonumber(ARGV[3])
