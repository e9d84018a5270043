#!lua flags=allow-oom
-- Begins a session of one shard, unless it has begun already. Items of an earlier session are added
-- to the survivors.
--
-- KEYS: meta, index, buffer, slots, survivors
-- ARGV: 1 epoch, 2 digest of the beginning (hex)
-- Returns 1 if the session began now, 0 if it had begun before.
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[3]) == 1 then
  if redis.call('EXISTS', KEYS[5]) == 0 then
    redis.call('RENAME', KEYS[3], KEYS[5])
  else
    while true do
      local block = redis.call('LPOP', KEYS[3])
      if not block then break end
      redis.call('RPUSH', KEYS[5], block)
    end
  end
end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[4])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'state', 'fenced', 'base', 0, 'base_total', 0, 'base_digest', ARGV[2],
  'end', 0, 'total', 0, 'digest', ARGV[2], 'asleep', '')
return 1
