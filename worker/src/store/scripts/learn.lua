-- Corrects the bucket by what Pipedrive says: other users of the same token or company take from it too.
-- KEYS requests, told
-- ARGV window us, requests used or -1, tokens spent of ours at least or -1, its ttl ms
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local used = tonumber(ARGV[2])
if used > 0 then
  local known = 0
  for _, taken in ipairs(redis.call('LRANGE', KEYS[1], 0, used - 1)) do
    if taken + ARGV[1] > now then known = known + 1 end
  end
  for _ = known + 1, used do redis.call('LPUSH', KEYS[1], string.format('%.0f', now)) end
  redis.call('PEXPIRE', KEYS[1], 60000)
end
-- Answers may come in another order than they were given.
local spent = tonumber(ARGV[3])
if spent > tonumber(redis.call('GET', KEYS[2]) or '0') then
  redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
end
return 'ok'
