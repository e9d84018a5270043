#!lua
-- Submits ballots to one shard: looks up their slots, and appends the ballots with free slots as
-- one block.
--
-- KEYS: meta, index, buffer, slots, promised
-- ARGV: 1 epoch, 2 largest number of items that may wait, 3 token,
--       4 arrival of the first ballot (16 digits, milliseconds), 5 wake channel, 6 contest,
--       7 number n of ballots, 8 number m of slots, 9 number p of promised ballots,
--       10 number of slots of each ballot (two bytes),
--       11 the items, each after its length (four bytes),
--       then m times `#<cell>` and fingerprint, p times index from 0 and ballot id.
--       Integers are big-endian.
-- Returns 'rebuilding', 'sealed', 'full', or the indexes of the ballots whose slots are taken.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'total', 'base_total', 'digest', 'end', 'asleep')
if meta[1] ~= ARGV[1] or meta[2] == 'fenced' then return 'rebuilding' end
if meta[2] == 'sealed' then return 'sealed' end
local n, m, p = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
if meta[3] - meta[4] + n > tonumber(ARGV[2]) then return 'full' end

local slots = 11
local hits = nil
for from = 0, m - 1, 400 do
  local to = math.min(from + 400, m)
  local fields, i = {}, 0
  for slot = slots + 2 * from + 1, slots + 2 * to, 2 do
    fields[i + 1], fields[i + 2], fields[i + 3], fields[i + 4] = 'SET', 'u16', ARGV[slot], ARGV[slot + 1]
    i = i + 4
  end
  local old = redis.call('BITFIELD', KEYS[4], unpack(fields))
  for i = 1, #old do
    -- Zero is an empty cell. Another fingerprint in the cell is overwritten, so its slot is
    -- forgotten.
    if old[i] ~= 0 and old[i] == tonumber(ARGV[slots + 2 * (from + i)]) then
      hits = hits or {}
      hits[from + i] = true
    end
  end
end

local taken, body, kept = {}, ARGV[11], n
if hits then
  local free, slot, at = {}, 0, 1
  for ballot = 1, n do
    local high, low = string.byte(ARGV[10], 2 * ballot - 1, 2 * ballot)
    local is_taken = false
    for _ = 1, high * 256 + low do
      slot = slot + 1
      is_taken = is_taken or hits[slot]
    end
    local a, b, c, d = string.byte(body, at, at + 3)
    local next = at + 4 + ((a * 256 + b) * 256 + c) * 256 + d
    if is_taken then
      taken[#taken + 1] = ballot - 1
    else
      free[#free + 1] = string.sub(body, at, next - 1)
    end
    at = next
  end
  kept = #free
  body = table.concat(free)
end
if kept == 0 then return taken end

local digest = redis.sha1hex(meta[5] .. ARGV[3])
local total = meta[3] + kept
redis.call('RPUSH', KEYS[2], digest .. string.format('%016d', total) .. ARGV[4])
redis.call('RPUSH', KEYS[3], body)
redis.call('HSET', KEYS[1], 'digest', digest, 'total', string.format('%d', total), 'end', meta[6] + 1, 'asleep', '')
if p > 0 then
  local is_taken = {}
  for _, ballot in ipairs(taken) do is_taken[ballot] = true end
  for i = slots + 2 * m + 1, slots + 2 * m + 2 * p, 2 do
    if not is_taken[tonumber(ARGV[i])] then redis.call('SADD', KEYS[5], ARGV[i + 1]) end
  end
end
if meta[7] == '1' then redis.call('PUBLISH', ARGV[5], ARGV[6]) end
return taken
