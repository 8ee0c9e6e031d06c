-- Corrects the budget by an answer: when Pipedrive counted the request at the latest, and what it says is left. Others take
-- from the same token and company.
-- KEYS 1 slots, 2 slots of searches, 3 report, 4 the day's limit, 5 spent
-- ARGV 1 window us, 2 margin us, 3 number of the request or 0, 4 tokens and 5 writes granted until it, 6 requests used in the
--      window or -1, 7 which window they are of (1 or 2), 8 tokens left or -1, 9 the day's limit or -1, 10 writes left or -1,
--      11 ttl ms of the limit, 12 how long after it was granted an answered request was counted at the latest us, 13 how long
--      a period of others lasts us, 14 whether a rate limit refused it (1 or 0),
--      15 up to how much later a request was sent that was counted before it us, 16 limit of the window
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window, margin = tonumber(ARGV[1]), tonumber(ARGV[2])
local function us(value) return string.format('%.0f', value) end
local at = now
for index = 1, 2 do
  local slot = redis.call('ZSCORE', KEYS[index], ARGV[3])
  if slot then
    at = math.min(now, slot - margin)
    -- A refused request is not counted.
    if ARGV[14] == '1' then redis.call('ZREM', KEYS[index], ARGV[3])
    else redis.call('ZADD', KEYS[index], us(math.min(now, slot - margin + ARGV[12])), ARGV[3]) end
  end
end

-- Whatever is in the window of a request that was sent at a moment, was counted later than a window before it. What is used
-- of it, and is not ours, is taken by others. Some of ours may be counted later than this one: the most of a period counts,
-- and that of the period before. One more is left to them, since they do not send evenly. A refusal comes before it is known
-- how much they take: half is left to them at first.
local used = tonumber(ARGV[6])
if used >= 0 and now - at <= margin then
  local ours = redis.call('ZCOUNT', KEYS[tonumber(ARGV[7])], us(at - window), us(at + margin + ARGV[15]))
  local others, field = math.max(0, used - ours), 'others_' .. ARGV[7]
  if others > 0 then others = others + 1 end
  if ARGV[14] == '1' then others = math.max(others, math.floor(ARGV[16] / 2)) end
  local known = redis.call('HMGET', KEYS[3], field, field .. '_was', field .. '_at')
  local most, was = tonumber(known[1] or '0'), tonumber(known[2] or '0')
  local is_over = not known[3] or now - known[3] > tonumber(ARGV[13])
  if is_over and (others > 0 or most > 0 or was > 0) then
    redis.call('HSET', KEYS[3], field, others, field .. '_was', most, field .. '_at', us(now))
  elseif others > most then
    redis.call('HSET', KEYS[3], field, others)
  end
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
