-- Notes that a message failed in an operation, and answers what is known of that operation and that failure.
-- KEYS failures of this kind, passes, open breakers
-- ARGV message, interaction, begins anew (1 or 0), ttl ms, operation, name of the breaker
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl = tonumber(ARGV[4])
local is_open = redis.call('HEXISTS', KEYS[3], ARGV[6])
local closed = tonumber(redis.call('HGET', KEYS[2], 'closed ' .. ARGV[6]) or 0)
local passed, passer = 0, ''
local known = redis.call('HGET', KEYS[2], ARGV[5])
if known then
  local at, by = string.match(known, '^(%d+) (.*)$')
  passed, passer = tonumber(at), by
end

local function read(text)
  local first, last, count, interaction = string.match(text, '^(%d+) (%d+) (%d+) (.*)$')
  return tonumber(first), tonumber(last), tonumber(count), interaction
end

local first, previous, count = now, 0, 0
local own = redis.call('HGET', KEYS[1], ARGV[1])
if own and ARGV[3] == '0' then
  local began, last, times = read(own)
  if last > closed then
    first, previous, count = began, last, times
  end
end
-- While consumption is paused, no failure counts.
if is_open == 0 then
  count = count + 1
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f %d %s', first, now, count, ARGV[2]))
  redis.call('PEXPIRE', KEYS[1], ttl)
end

-- Interactions that failed, while none has passed since.
local stuck, seen, since = 0, {}, now
local entries = redis.call('HGETALL', KEYS[1])
for at = 1, #entries, 2 do
  local began, last, _, interaction = read(entries[at + 1])
  if now - last > ttl then
    redis.call('HDEL', KEYS[1], entries[at])
  elseif began > passed and began > closed then
    if began < since then since = began end
    if not seen[interaction] then
      seen[interaction] = true
      stuck = stuck + 1
    end
  end
end
local passed_by_another = 0
if passer ~= ARGV[2] then passed_by_another = passed end
return {now, is_open, count, first, previous, passed_by_another, stuck, since}
