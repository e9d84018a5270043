#!lua flags=allow-oom
-- Seals a shard: it takes no more ballots.
--
-- KEYS: meta
-- ARGV: 1 epoch
-- Returns {position, digest} of the end, or nothing if the shard is of another session.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'end', 'digest')
if meta[1] ~= ARGV[1] then return {} end
redis.call('HSET', KEYS[1], 'state', 'sealed')
return {meta[2], meta[3]}
