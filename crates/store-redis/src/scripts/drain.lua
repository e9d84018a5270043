#!lua flags=allow-oom
-- Returns the blocks of one shard that follow a cursor.
--
-- KEYS: meta, index, buffer
-- ARGV: 1 epoch, 2 position, 3 digest there (hex), 4 largest number of blocks,
--       5 largest number of items: the block that exceeds it is the last
-- Returns {'lost', why} or {'blocks', headers, bodies}. Without blocks the shard sleeps until the
-- next submit.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'base', 'end', 'base_digest', 'asleep', 'state', 'base_total')
if not meta[1] then return {'lost', 'it holds nothing of the contest'} end
if meta[1] ~= ARGV[1] then return {'lost', 'it is of another session'} end
-- A shard is drained only after it was opened. If it is fenced, it fell back to an older state, and
-- takes no ballots.
if meta[6] == 'fenced' then return {'lost', 'it has forgotten that it was opened'} end
local base, last, position = tonumber(meta[2]), tonumber(meta[3]), tonumber(ARGV[2])
if redis.call('LLEN', KEYS[2]) ~= last - base or redis.call('LLEN', KEYS[3]) ~= last - base then
  return {'lost', 'a part of it is missing'}
end
if position < base then return {'lost', 'what follows the cursor was trimmed'} end
if position > last then return {'lost', 'it ends before the cursor: it fell back'} end
local digest, total = meta[4], tonumber(meta[7])
if position > base then
  local header = redis.call('LINDEX', KEYS[2], position - base - 1)
  digest, total = string.sub(header, 1, 40), tonumber(string.sub(header, 41, 56))
end
if digest ~= ARGV[3] then return {'lost', 'it is another one up to the cursor: it fell back and was refilled'} end
local from = position - base
local headers = redis.call('LRANGE', KEYS[2], from, from + tonumber(ARGV[4]) - 1)
if #headers == 0 then
  if meta[5] ~= '1' then redis.call('HSET', KEYS[1], 'asleep', '1') end
  return {'blocks', {}, {}}
end
local count = 1
while count < #headers and tonumber(string.sub(headers[count], 41, 56)) - total < tonumber(ARGV[5]) do count = count + 1 end
for i = #headers, count + 1, -1 do headers[i] = nil end
return {'blocks', headers, redis.call('LRANGE', KEYS[3], from, from + count - 1)}
