-- Grants one request a moment to be sent at, or says that there is none soon, or none today.
-- Pipedrive counts requests in any 2 seconds. A slot is the last moment at which Pipedrive may have counted a request: a
-- margin after it was sent, until its answer corrects that. Two slots that far apart as there are requests in a window
-- are a window apart. A moment in the future is planned, close behind the others, so that those who wait leave in order;
-- when it has come it is asked for again, and is granted by what the answers said meanwhile.
-- KEYS 1 slots, 2 slots of searches, 3 pause, 4 pause of searches, 5 spent, 6 spent writes, 7 day, 8 day of writes, 9 report
-- ARGV 1 window us, 2 margin us, 3 requests, 4 searches, 5 search (1 or 0), 6 tokens, 7 our share of them (0: all),
--      8 write (1 or 0), 9 writes a day (0: any), 10 ttl ms of the day, 11 longest wait us, 12 how long a report counts us,
--      13 number of a planned request or 0, 14 margin us of a planned one
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window, margin, tokens = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[6])
local is_search, is_write = ARGV[5] == '1', ARGV[8] == '1'
local function us(value) return string.format('%.0f', value) end
local function refuse(word, wait) return {word, us(wait), '0', '0', '0'} end

local planned, planned_margin = ARGV[13], tonumber(ARGV[14])
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
local report = redis.call('HMGET', KEYS[9], 'tokens_left', 'tokens', 'tokens_at', 'writes_left', 'writes', 'writes_at')
for index = 1, 6 do report[index] = tonumber(report[index] or nil) end
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

-- A moment that has come is granted by what was sent; those who plan keep behind all others.
local function slots(key)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', us(now - window))
  local scores = {}
  local entries = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for index = 1, #entries, 2 do
    local score = tonumber(entries[index + 1])
    -- What was sent and is not answered was not counted later than now.
    local is_planned = string.sub(entries[index], 1, 2) == 'p:'
    if not is_planned then scores[#scores + 1] = math.min(score, now) end
    if is_planned and not is_counted then scores[#scores + 1] = score end
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
      local begins = first or at + planned_margin
      local ends = last and last - planned_margin or at
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
local taken = slots(KEYS[1])
local searched = is_search and slots(KEYS[2])
local settled
repeat
  settled = at
  if at - now > tonumber(ARGV[11]) then return refuse('wait', at - now) end
  at = earliest(taken, tonumber(ARGV[3]), at)
  if is_search then at = earliest(searched, tonumber(ARGV[4]), at) end
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
  if at > now then
    redis.call('ZADD', KEYS[index], us(at + planned_margin), 'p:' .. us(number))
  else
    redis.call('ZADD', KEYS[index], us(at + margin), us(number))
  end
  redis.call('PEXPIRE', KEYS[index], 60000)
end
return {'taken', us(at - now), us(number), us(all), us(writes)}
