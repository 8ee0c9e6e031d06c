-- Takes the tokens of one request, or says how long there are none.
-- Pipedrive counts requests in any 2 seconds: a token is back 2 seconds after it was taken, so what is kept is when the
-- last ones were. A bucket that refills evenly would let through twice the limit at the edge of a burst.
-- KEYS requests, searches, pause, day, reported tokens of the day
-- ARGV window us, requests in it, searches in it, search (1 or 0), cost, tokens a day, day's ttl ms
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function exceeds(key) return tonumber(redis.call('GET', key) or '0') + ARGV[5] > tonumber(ARGV[6]) end
if exceeds(KEYS[4]) then return {'spent', '0'} end
-- What Pipedrive reported expires: then a call goes through, and its answer reports anew.
if exceeds(KEYS[5]) then return {'told', string.format('%.0f', redis.call('PTTL', KEYS[5]) * 1000)} end

local free_at = tonumber(redis.call('GET', KEYS[3]) or '0')
local function wait_for(key, limit)
  local taken = redis.call('LINDEX', key, limit - 1)
  if taken then free_at = math.max(free_at, taken + ARGV[1]) end
end
wait_for(KEYS[1], ARGV[2])
if ARGV[4] == '1' then wait_for(KEYS[2], ARGV[3]) end
if free_at > now then return {'wait', string.format('%.0f', free_at - now)} end

local function take(key, limit)
  redis.call('LPUSH', key, string.format('%.0f', now))
  redis.call('LTRIM', key, 0, limit - 1)
  redis.call('PEXPIRE', key, 60000)
end
take(KEYS[1], ARGV[2])
if ARGV[4] == '1' then take(KEYS[2], ARGV[3]) end
redis.call('INCRBY', KEYS[4], ARGV[5])
redis.call('PEXPIRE', KEYS[4], ARGV[7])
return {'taken', '0'}
