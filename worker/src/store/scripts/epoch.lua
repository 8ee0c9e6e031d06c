-- The epoch: since when Redis is known not to have lost anything. It begins anew when its record is gone (Redis was
-- emptied) or was written by another run of Redis that may have lost its last writes: only what was on disk before and is
-- still no replica's loses none.
-- KEYS epoch
-- ARGV run id, empty where the server does not report it; new id, 1 where nothing is lost in a restart, 1 where there was
-- nothing to lose yet, 1 where another worker began the epoch of an unknown run just now
local current = redis.call('HMGET', KEYS[1], 'id', 'run', 'since', 'durable')
local is_known = ARGV[1] ~= ''
if current[1] and not is_known and ARGV[5] == '1' then
  return {current[1], current[3]}
end
if current[1] and ((is_known and current[2] == ARGV[1]) or (current[4] == '1' and ARGV[3] == '1')) then
  redis.call('HSET', KEYS[1], 'run', ARGV[1], 'durable', ARGV[3])
  return {current[1], current[3]}
end
local since = '0'
if current[1] or ARGV[4] ~= '1' then
  local now = redis.call('TIME')
  since = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
end
redis.call('HSET', KEYS[1], 'id', ARGV[2], 'run', ARGV[1], 'since', since, 'durable', ARGV[3])
return {ARGV[2], since}
