-- Takes back what was granted to a request that was not sent.
-- KEYS 1 slots, 2 slots of searches, 3 day, 4 day of writes, 5 report
-- ARGV 1 number of the request, 2 tokens, 3 writes
for index = 1, 2 do redis.call('ZREM', KEYS[index], ARGV[1], 'p:' .. ARGV[1]) end
local function take_back(day, name, count)
  if count == 0 then return end
  if redis.call('EXISTS', day) == 1 then redis.call('DECRBY', day, count) end
  if redis.call('HEXISTS', KEYS[5], name) == 0 then return end
  redis.call('HINCRBY', KEYS[5], name, -count)
  -- A later request's answer did not count it either.
  if tonumber(redis.call('HGET', KEYS[5], name .. '_by') or '0') > tonumber(ARGV[1]) then
    redis.call('HINCRBY', KEYS[5], name .. '_left', -count)
  end
end
take_back(KEYS[3], 'tokens', tonumber(ARGV[2]))
take_back(KEYS[4], 'writes', tonumber(ARGV[3]))
return 'ok'
