-- No request is granted before a moment; a later one stays.
-- KEYS pause
-- ARGV wait ms
local time = redis.call('TIME')
local wanted = time[1] * 1000000 + time[2] + ARGV[1] * 1000
if wanted > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%.0f', wanted), 'PX', math.max(ARGV[1], 1))
end
return 'ok'
