#!lua flags=allow-oom
-- Keeps a value, unless one of a larger size is kept: a holder that slept must not take back what its successor has shown.
--
-- KEYS: where
-- ARGV: 1 value: behind 32 bytes a size of 16 digits, 2 a value that gives way whatever size it claims, or ''
-- Returns nothing if it is kept now, otherwise what is kept instead.
local kept = redis.call('GET', KEYS[1])
if kept and kept ~= ARGV[2] then
  local size = tonumber(string.sub(kept, 33, 48))
  if size and size > tonumber(string.sub(ARGV[1], 33, 48)) then return kept end
end
redis.call('SET', KEYS[1], ARGV[1])
return false
