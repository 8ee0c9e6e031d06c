-- What the scripts of the directory share. An entry: pass (2 bytes), time of the person's last change (4), number of
-- handles (1), the handles (8 each), then what the scripts do not read. A record: handle (8), person (8). All in big-endian
-- order.
local base = KEYS[1]

-- Texts are not compared: Redis orders them by the locale of its machine.
local function number(text)
  local value = 0
  for n = 1, #text do value = value * 256 + string.byte(text, n) end
  return value
end

local function handles_key(handle)
  return base .. 'h:' .. (string.byte(handle, 1) * 16 + math.floor(string.byte(handle, 2) / 16))
end

local function handles_of(entry)
  local handles = {}
  if entry and entry ~= '' then
    for n = 0, string.byte(entry, 7) - 1 do
      handles[string.sub(entry, 8 + 8 * n, 15 + 8 * n)] = true
    end
  end
  return handles
end

local function position(records, record)
  local from = 1
  while true do
    local at = string.find(records, record, from, true)
    if not at or (at - 1) % 16 == 0 then return at end
    from = at + 1
  end
end

local function unlink(handle, person)
  local key = handles_key(handle)
  local records = redis.call('GET', key)
  local at = records and position(records, handle .. person)
  if at then
    records = string.sub(records, 1, at - 1) .. string.sub(records, at + 16)
    if records == '' then redis.call('DEL', key) else redis.call('SET', key, records) end
  end
end

local function link(handle, person)
  local key = handles_key(handle)
  local records = redis.call('GET', key) or ''
  if not position(records, handle .. person) then
    redis.call('SET', key, records .. handle .. person)
  end
end

-- Puts an entry in the place of the old one; '' takes the person out. Returns what that adds to the count.
local function replace(key, field, person, old, entry)
  local before, after = handles_of(old), handles_of(entry)
  for handle in pairs(before) do
    if not after[handle] then unlink(handle, person) end
  end
  for handle in pairs(after) do
    if not before[handle] then link(handle, person) end
  end
  if entry == '' then
    return -redis.call('HDEL', key, field)
  end
  return redis.call('HSET', key, field, entry)
end
