-- Puts Genesys' window right by what an answer says.
-- KEYS requests, pause, limit
-- ARGV taken (-1: unknown), ms to the end of the window (0: unknown), limit (-1: unknown), ms to pause (0: none), ttl ms of the limit
local count, reset = tonumber(ARGV[1]), tonumber(ARGV[2])
if count >= 0 and count > tonumber(redis.call('GET', KEYS[1]) or '0') then
  local left = redis.call('PTTL', KEYS[1])
  if reset > 0 then left = reset end
  if left > 0 then redis.call('SET', KEYS[1], count, 'PX', left) end
end
if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[5]) end
if tonumber(ARGV[4]) > 0 and redis.call('PTTL', KEYS[2]) < tonumber(ARGV[4]) then
  redis.call('SET', KEYS[2], 1, 'PX', ARGV[4])
end
return redis.status_reply('ok')
