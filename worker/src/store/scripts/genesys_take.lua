-- Takes one request out of Genesys' window, or says how long there is none.
-- KEYS requests, pause, limit
-- ARGV configured limit, window ms
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return {'wait', pause} end
local limit = tonumber(ARGV[1])
local reported = tonumber(redis.call('GET', KEYS[3]) or '')
if reported and reported < limit then limit = reported end
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if taken >= limit then
  local left = redis.call('PTTL', KEYS[1])
  if left > 0 then return {'wait', left} end
end
if redis.call('INCR', KEYS[1]) == 1 or redis.call('PTTL', KEYS[1]) < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {'taken', 0}
