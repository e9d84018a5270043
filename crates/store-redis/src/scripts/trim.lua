#!lua flags=allow-oom
-- Drops the blocks of one shard up to a cursor, and the ids of promised ballots.
--
-- KEYS: meta, index, buffer, promised
-- ARGV: 1 epoch, 2 position, 3 digest there (hex), then ids of promised ballots
-- Returns the number of blocks dropped.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'base', 'end')
if meta[1] ~= ARGV[1] then return 0 end
if #ARGV > 3 then
  for from = 4, #ARGV, 1000 do
    redis.call('SREM', KEYS[4], unpack(ARGV, from, math.min(from + 999, #ARGV)))
  end
end
local count = tonumber(ARGV[2]) - meta[2]
if count <= 0 or tonumber(ARGV[2]) > tonumber(meta[3]) then return 0 end
local header = redis.call('LINDEX', KEYS[2], count - 1)
-- With another digest the shard fell back and was refilled: its items are not drained yet.
if string.sub(header or '', 1, 40) ~= ARGV[3] then return 0 end
redis.call('LTRIM', KEYS[2], count, -1)
redis.call('LTRIM', KEYS[3], count, -1)
redis.call('HSET', KEYS[1], 'base', ARGV[2], 'base_digest', string.sub(header, 1, 40),
  'base_total', string.format('%d', tonumber(string.sub(header, 41, 56))))
return count
