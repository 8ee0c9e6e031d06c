-- Puts people into the directory, or takes them out. What is there of a later change stays.
-- KEYS base, state
-- ARGV format, then four for each person: bucket, field, person, entry ('' takes the person out)
if redis.call('HGET', KEYS[2], 'format') ~= ARGV[1] then return -1 end
local added, changed = 0, 0
local highest = tonumber(redis.call('HGET', KEYS[2], 'highest') or '0')
for n = 2, #ARGV, 4 do
  local key, field, person, entry = base .. 'p:' .. ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]
  highest = math.max(highest, tonumber(ARGV[n]) * 64 + tonumber(field))
  local old = redis.call('HGET', key, field)
  if old and entry ~= '' then
    local pass = math.max(number(string.sub(old, 1, 2)), number(string.sub(entry, 1, 2)))
    local mark = string.char(math.floor(pass / 256), pass % 256)
    local newer = string.sub(entry, 3)
    if number(string.sub(entry, 3, 6)) < number(string.sub(old, 3, 6)) then newer = string.sub(old, 3) end
    entry = mark .. newer
  end
  if entry ~= (old or '') then
    if string.sub(entry, 3) ~= string.sub(old or '', 3) then changed = changed + 1 end
    added = added + replace(key, field, person, old, entry)
  end
end
redis.call('HINCRBY', KEYS[2], 'people', added)
redis.call('HSET', KEYS[2], 'highest', string.format('%.0f', highest))
return changed
