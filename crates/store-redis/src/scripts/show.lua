#!lua flags=allow-oom
-- Keeps a checkpoint as the highest shown, or the newest cosigned, unless a higher one is kept: a holder that slept must not take back what its
-- successor has shown.
--
-- KEYS: shown or cosigned
-- ARGV: 1 checkpoint, 2 its size
-- Returns 1 if it is kept now, 0 if a higher one was.
local shown = redis.call('GET', KEYS[1])
local size = shown and string.match(shown, '^[^\n]*\n(%d+)\n')
if size and tonumber(size) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
