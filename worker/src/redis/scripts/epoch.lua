-- The epoch: since when Redis is known not to have lost anything. It begins anew when its record is gone (Redis was
-- emptied) or was written by another run of Redis (a restart may have lost the last writes).
-- KEYS epoch
-- ARGV run id, new id
local current = redis.call('HMGET', KEYS[1], 'id', 'run', 'since')
if current[1] and current[2] == ARGV[1] then return {current[1], current[3]} end
local now = redis.call('TIME')
local since = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
redis.call('HSET', KEYS[1], 'id', ARGV[2], 'run', ARGV[1], 'since', since)
return {ARGV[2], since}
