-- As much of Redis as the scripts of the budget use, with a clock of the simulation's. Keys expire never: the scripts do not
-- rely on it within minutes. Members come in any order: the scripts sort them.
local data, clock = {}, 0
local function bound(text, default)
  if text == '-inf' then return -math.huge end
  if text == '+inf' then return math.huge end
  return tonumber(text)
end
local function set(key)
  data[key] = data[key] or {}
  return data[key]
end
local function within(key, least, most)
  least, most = bound(least), bound(most)
  local found = {}
  for member, score in pairs(set(key)) do
    if score >= least and score <= most then found[#found + 1] = member end
  end
  return found
end
local function or_false(value) if value == nil then return false end return value end

local commands = {}
function commands.TIME() return {math.floor(clock / 1000000), clock % 1000000} end
function commands.PTTL() return -2 end
function commands.PEXPIRE() return 1 end
function commands.GET(key) return or_false(data[key]) end
function commands.SET(key, value) data[key] = tostring(value) end
function commands.EXISTS(key) return data[key] ~= nil and 1 or 0 end
function commands.INCRBY(key, more)
  data[key] = tostring((data[key] or 0) + more)
  return tonumber(data[key])
end
function commands.HGET(key, field) return or_false(set(key)[field]) end
function commands.HMGET(key, ...)
  local values = {}
  for index, field in ipairs({...}) do values[index] = or_false(set(key)[field]) end
  return values
end
function commands.HSET(key, ...)
  local pairs_given = {...}
  for index = 1, #pairs_given, 2 do set(key)[pairs_given[index]] = tostring(pairs_given[index + 1]) end
end
function commands.HDEL(key, ...)
  for _, field in ipairs({...}) do set(key)[field] = nil end
end
function commands.HINCRBY(key, field, more)
  local value = (set(key)[field] or 0) + more
  set(key)[field] = tostring(value)
  return value
end
function commands.ZADD(key, score, member) set(key)[member] = tonumber(score) end
function commands.ZSCORE(key, member) return or_false(set(key)[member]) end
function commands.ZREM(key, ...)
  for _, member in ipairs({...}) do set(key)[member] = nil end
end
function commands.ZCOUNT(key, least, most)
  least, most = bound(least), bound(most)
  local count = 0
  for _, score in pairs(set(key)) do
    if score >= least and score <= most then count = count + 1 end
  end
  return count
end
function commands.ZREMRANGEBYSCORE(key, least, most)
  least, most = bound(least), bound(most)
  for member, score in pairs(set(key)) do
    if score >= least and score <= most then data[key][member] = nil end
  end
end
function commands.ZRANGEBYSCORE(key, least, most, with_scores)
  local answer = {}
  for _, member in ipairs(within(key, least, most)) do
    answer[#answer + 1] = member
    if with_scores then answer[#answer + 1] = string.format('%.0f', data[key][member]) end
  end
  return answer
end

redis = {call = function(name, ...) return commands[name](...) end}
function set_clock(now) clock = now end
