-- No token is taken before a moment; a later one stays. What Pipedrive reported of the day's tokens counts no longer than
-- that.
-- KEYS pause, reported tokens (where the day is spent)
-- ARGV wait ms
local time = redis.call('TIME')
local wanted = time[1] * 1000000 + time[2] + ARGV[1] * 1000
if wanted > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%.0f', wanted), 'PX', math.max(ARGV[1], 1))
end
if KEYS[2] and redis.call('PTTL', KEYS[2]) > tonumber(ARGV[1]) then
  redis.call('PEXPIRE', KEYS[2], math.max(ARGV[1], 1))
end
return 'ok'
