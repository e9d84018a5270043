#!lua flags=allow-oom
-- The blocks behind a cursor of one shard.
--
-- KEYS: meta, index, buffer
-- ARGV: 1 epoch, 2 position, 3 digest there (hex), 4 most blocks
-- Returns {'lost', why} or {'blocks', headers, bodies}; without blocks the shard is asleep until the next submit.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'base', 'end', 'base_digest', 'asleep')
if not meta[1] then return {'lost', 'it holds nothing of the contest'} end
if meta[1] ~= ARGV[1] then return {'lost', 'it is of another session'} end
local base, last, position = tonumber(meta[2]), tonumber(meta[3]), tonumber(ARGV[2])
if position < base then return {'lost', 'what follows the cursor was trimmed'} end
if position > last then return {'lost', 'it ends before the cursor: it fell back'} end
local digest = meta[4]
if position > base then digest = string.sub(redis.call('LINDEX', KEYS[2], position - base - 1) or '', 1, 40) end
if digest ~= ARGV[3] then return {'lost', 'it is another one up to the cursor: it fell back and was refilled'} end
local from, to = position - base, position - base + tonumber(ARGV[4]) - 1
local headers = redis.call('LRANGE', KEYS[2], from, to)
if #headers == 0 then
  if meta[5] ~= '1' then redis.call('HSET', KEYS[1], 'asleep', '1') end
  return {'blocks', {}, {}}
end
return {'blocks', headers, redis.call('LRANGE', KEYS[3], from, to)}
