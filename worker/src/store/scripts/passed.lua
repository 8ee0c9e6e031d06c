-- Notes which operations passed, and closes the breakers of those: what failed before the closing counts no more.
-- KEYS passes, open breakers
-- ARGV ttl ms, then for each operation: its name, how long ago it passed ms, which interaction passed
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local open = redis.call('HGETALL', KEYS[2])
local closed = 0
for at = 2, #ARGV, 3 do
  local operation, passed, passer = ARGV[at], now - ARGV[at + 1], ARGV[at + 2]
  local known = redis.call('HGET', KEYS[1], operation)
  if not known or passed > tonumber(string.match(known, '^%d+')) then
    redis.call('HSET', KEYS[1], operation, string.format('%.0f %s', passed, passer))
  end
  for field = 1, #open, 2 do
    local is_of_it = string.sub(open[field], 1, #operation + 1) == operation .. '|'
    if is_of_it and passed > tonumber(string.match(open[field + 1], '^%d+')) then
      closed = closed + redis.call('HDEL', KEYS[2], open[field])
      redis.call('HSET', KEYS[1], 'closed ' .. open[field], string.format('%.0f', now))
    end
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return closed
