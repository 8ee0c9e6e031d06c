-- Corrects the budget by an answer: when Pipedrive counted the request at the latest, and what it says is left. Others take
-- from the same token and company.
-- KEYS 1 slots, 2 slots of searches, 3 report, 4 the day's limit, 5 spent
-- ARGV 1 window us, 2 margin us, 3 number of the request or 0, 4 tokens and 5 writes granted until it, 6 requests used in the
--      window or -1, 7 which window they are of (1 or 2), 8 tokens left or -1, 9 the day's limit or -1, 10 writes left or -1,
--      11 ttl ms of the limit, 12 how long after it was granted an answered request was counted at the latest us
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window, margin = tonumber(ARGV[1]), tonumber(ARGV[2])
local function us(value) return string.format('%.0f', value) end
for index = 1, 2 do
  local slot = redis.call('ZSCORE', KEYS[index], ARGV[3])
  if slot then redis.call('ZADD', KEYS[index], us(math.min(now, slot - margin + ARGV[12])), ARGV[3]) end
end

local used, slots = tonumber(ARGV[6]), KEYS[tonumber(ARGV[7])]
if used > 0 then
  local known = 0
  for _, request in ipairs(redis.call('ZRANGEBYSCORE', slots, us(now - window), '+inf')) do
    if string.sub(request, 1, 2) ~= 'p:' then known = known + 1 end
  end
  for other = known + 1, used do redis.call('ZADD', slots, us(now), 'other:' .. us(now) .. ':' .. other) end
  redis.call('PEXPIRE', slots, 60000)
end

-- Answers come in another order than they were given: that to the request which was granted last counts.
local report = redis.call('HMGET', KEYS[3], 'number', 'tokens', 'writes', 'tokens_by', 'writes_by')
for index = 1, 5 do report[index] = tonumber(report[index] or '0') end
local number = tonumber(ARGV[3])
local granted = {tonumber(ARGV[4]), tonumber(ARGV[5])}
if number == 0 then number, granted = report[1], {report[2], report[3]} end
local function note(name, left, granted_then, by)
  if left < 0 or number < by then return end
  redis.call('HSET', KEYS[3], name .. '_left', us(left + granted_then), name .. '_by', us(number), name .. '_at', us(now))
  redis.call('PEXPIRE', KEYS[3], 172800000)
end
-- A spent day is known, and ends at its own time.
local left = tonumber(ARGV[8])
if left ~= 0 or redis.call('EXISTS', KEYS[5]) == 0 then note('tokens', left, granted[1], report[4]) end
note('writes', tonumber(ARGV[10]), granted[2], report[5])
if tonumber(ARGV[9]) > 0 then redis.call('SET', KEYS[4], ARGV[9], 'PX', ARGV[11]) end
return 'ok'
