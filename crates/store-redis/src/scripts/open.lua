#!lua flags=allow-oom
-- Lets a shard take ballots.
--
-- KEYS: meta
-- ARGV: 1 epoch
-- Returns 1, or 0 if the shard is of another session. A sealed shard stays sealed.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if meta[1] ~= ARGV[1] then return 0 end
if meta[2] == 'fenced' then redis.call('HSET', KEYS[1], 'state', 'open') end
return 1
