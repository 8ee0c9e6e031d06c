-- Grants one request a moment to be sent at, or says that there is none soon, or none today.
-- Pipedrive counts requests in any 2 seconds. A slot is the last moment at which Pipedrive may have counted a request: a
-- margin after it was sent, until its answer corrects that. Two slots that far apart as there are requests in a window
-- are a window apart. A moment within the lead is granted for good: its caller waits for it beside the request, not beside
-- this script. A later one is planned, close behind the others, so that those who wait leave in order; shortly before it
-- has come it is asked for again, and is granted by what the answers said meanwhile. A planned slot has a negative score.
-- KEYS 1 slots, 2 slots of searches, 3 pause, 4 pause of searches, 5 spent, 6 spent writes, 7 day, 8 day of writes, 9 report
-- ARGV 1 window us, 2 margin us, 3 requests, 4 searches, 5 search (1 or 0), 6 tokens, 7 our share of them (0: all),
--      8 write (1 or 0), 9 writes a day (0: any), 10 ttl ms of the day, 11 longest wait us, 12 how long a report counts us,
--      13 number of a planned request or 0, 14 margin us of one that is not sent yet, 15 lead us, 16 how long a period of
--      others lasts us
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window, margin, tokens = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[6])
local is_search, is_write = ARGV[5] == '1', ARGV[8] == '1'
local function us(value) return string.format('%.0f', value) end
local function refuse(word, wait) return {word, us(wait), '0', '0', '0'} end

local planned, unsent_margin, lead = ARGV[13], tonumber(ARGV[14]), tonumber(ARGV[15])
local is_counted = planned ~= '0'
if is_counted then tokens, is_write = 0, false end
local rest = redis.call('PTTL', KEYS[5])
if rest > 0 then return refuse('tokens', rest * 1000) end
rest = is_write and redis.call('PTTL', KEYS[6]) or 0
if rest > 0 then return refuse('writes', rest * 1000) end
local share = tonumber(ARGV[7])
if share > 0 and not is_counted and tonumber(redis.call('GET', KEYS[7]) or '0') + tokens > share then return refuse('share', 0) end

-- Pipedrive's count, less what was granted since. After a time it is forgotten, and an answer reports anew: the hour at
-- which Pipedrive's day begins is not documented.
local report = redis.call('HMGET', KEYS[9], 'tokens_left', 'tokens', 'tokens_at', 'writes_left', 'writes', 'writes_at',
  'others_1', 'others_1_was', 'others_1_at', 'others_2', 'others_2_was', 'others_2_at')
for index = 1, 12 do report[index] = tonumber(report[index] or nil) end
local age = report[3] and now - report[3]
if not is_counted and report[1] and report[1] - (report[2] or 0) < tokens then
  if age < tonumber(ARGV[12]) then return refuse('reported', tonumber(ARGV[12]) - age) end
  redis.call('HDEL', KEYS[9], 'tokens_left', 'tokens_at')
end
if is_write then
  local is_reported = report[6] and math.floor(report[6] / 86400000000) == math.floor(now / 86400000000)
  if is_reported then
    if report[4] - (report[5] or 0) < 1 then
      local since = now - report[6]
      if since < tonumber(ARGV[12]) then return refuse('writes_reported', tonumber(ARGV[12]) - since) end
      redis.call('HDEL', KEYS[9], 'writes_left', 'writes_at')
    end
  elseif tonumber(ARGV[9]) > 0 and tonumber(redis.call('GET', KEYS[8]) or '0') >= tonumber(ARGV[9]) then
    return refuse('writes_counted', 0)
  end
end

-- What others take of the same window is left to them.
local limits = {}
for index = 1, 2 do
  local others, was, since = report[4 + 3 * index] or 0, report[5 + 3 * index] or 0, report[6 + 3 * index]
  local is_recent = since and now - since < 4 * tonumber(ARGV[16])
  limits[index] = math.max(1, tonumber(ARGV[2 + index]) - (is_recent and math.max(others, was) or 0))
end

-- Slots that matter: one that is answered, or was sent and was not counted later than now; one that is to be sent; and
-- planned ones, behind which a newcomer stays, while a moment that has come is granted by what was sent. None where there
-- is room for all.
local expired = us(now - window)
for index = 1, 2 do
  -- Answers compare a while longer.
  redis.call('ZREMRANGEBYSCORE', KEYS[index], 1, us(now - window - window))
  redis.call('ZREMRANGEBYSCORE', KEYS[index], us(window - now), 0)
end
local function slots(key, limit, except)
  local taken = redis.call('ZCOUNT', key, expired, '+inf')
  if not is_counted then taken = taken + redis.call('ZCOUNT', key, '-inf', 0) end
  local scores = {}
  if taken < limit then return scores end
  local sent = redis.call('ZRANGEBYSCORE', key, expired, '+inf', 'WITHSCORES')
  for index = 2, #sent, 2 do
    local score = tonumber(sent[index])
    local at = score - margin
    if not except[sent[index - 1]] then
      scores[#scores + 1] = at > now and at + unsent_margin or math.min(score, now)
    end
  end
  local plans = is_counted and {} or redis.call('ZRANGEBYSCORE', key, '-inf', 0, 'WITHSCORES')
  for index = 2, #plans, 2 do
    if not except[plans[index - 1]] then scores[#scores + 1] = unsent_margin - tonumber(plans[index]) end
  end
  table.sort(scores)
  return scores
end

-- The earliest moment from `at` on at which one more request is in no window with `limit` others.
local function earliest(taken, limit, at)
  if #taken < limit then return at end
  while true do
    local before = 0
    while before < #taken and taken[before + 1] <= at do before = before + 1 end
    local later = at
    for others = limit, 0, -1 do
      local first = others > 0 and taken[before - others + 1] or nil
      local last = others < limit and taken[before + limit - others] or nil
      local is_full = (others == 0 or first) and (others == limit or last)
      local begins = first or at + unsent_margin
      local ends = last and last - unsent_margin or at
      if is_full and ends - begins < window then
        later = math.max(later, others > 0 and first + window or taken[before + 1])
      end
    end
    if later <= at then return at end
    at = later
  end
end

for index = 1, is_search and 2 or 1 do
  if is_counted then redis.call('ZREM', KEYS[index], 'p:' .. planned) end
end
local at = math.max(now, tonumber(redis.call('GET', KEYS[3]) or '0'))
if is_search then at = math.max(at, tonumber(redis.call('GET', KEYS[4]) or '0')) end

-- Each list of slots with its limit. While searches wait, other requests leave them the slots that they use: a search would
-- find none at the moment that is free among searches, and lose it.
local lists = {{slots(KEYS[1], limits[1], {}), limits[1]}}
if is_search then
  lists[2] = {slots(KEYS[2], limits[2], {}), limits[2]}
elseif redis.call('ZCOUNT', KEYS[2], '-inf', 0) > 0 then
  local searches, are_searches = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', 0), {}
  for _, search in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], expired, '+inf')) do searches[#searches + 1] = search end
  for _, search in ipairs(searches) do are_searches[search] = true end
  local rest = limits[1] - math.min(#searches, limits[2], math.floor(limits[1] / 2))
  lists[2] = {slots(KEYS[1], rest, are_searches), rest}
end
local settled
repeat
  settled = at
  if at - now > tonumber(ARGV[11]) then return refuse('wait', at - now) end
  for _, list in ipairs(lists) do at = earliest(list[1], list[2], at) end
until at == settled

local number = is_counted and tonumber(planned) or redis.call('HINCRBY', KEYS[9], 'number', 1)
local function count(key, field, more)
  if more > 0 then
    redis.call('INCRBY', key, more)
    redis.call('PEXPIRE', key, ARGV[10])
  end
  return redis.call('HINCRBY', KEYS[9], field, more)
end
local all, writes = 0, 0
if not is_counted then all, writes = count(KEYS[7], 'tokens', tokens), count(KEYS[8], 'writes', is_write and 1 or 0) end
redis.call('PEXPIRE', KEYS[9], ARGV[10])
for index = 1, is_search and 2 or 1 do
  if at - now > lead then
    redis.call('ZADD', KEYS[index], us(-at), 'p:' .. us(number))
  else
    redis.call('ZADD', KEYS[index], us(at + margin), us(number))
  end
  redis.call('PEXPIRE', KEYS[index], 60000)
end
return {'taken', us(at - now), us(number), us(all), us(writes)}
