#!lua flags=allow-oom
-- Stores a value, unless a value of a larger size is stored. A sequencer that was suspended must
-- not replace what its successor has published.
--
-- KEYS: key of the value
-- ARGV: 1 value: 32 bytes, then a size of 16 digits, then the rest,
--       2 stored value that is replaced whatever its size, or ''
-- Returns nothing if the value is stored now, otherwise the value that is stored instead.
local kept = redis.call('GET', KEYS[1])
if kept and kept ~= ARGV[2] then
  local size = tonumber(string.sub(kept, 33, 48))
  if size and size > tonumber(string.sub(ARGV[1], 33, 48)) then return kept end
end
redis.call('SET', KEYS[1], ARGV[1])
return false
