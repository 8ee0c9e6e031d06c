-- Removes the people that the pass did not meet: they were deleted.
-- KEYS base, state
-- ARGV format, pass, first bucket, last bucket
if redis.call('HGET', KEYS[2], 'format') ~= ARGV[1] then return -1 end
local pass, removed = tonumber(ARGV[2]), 0
for bucket = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local key = base .. 'p:' .. bucket
  local entries = redis.call('HGETALL', key)
  for n = 1, #entries, 2 do
    local entry = entries[n + 1]
    if string.byte(entry, 1) * 256 + string.byte(entry, 2) < pass then
      local id, person = bucket * 64 + tonumber(entries[n]), ''
      for _ = 1, 8 do
        person = string.char(id % 256) .. person
        id = math.floor(id / 256)
      end
      removed = removed - replace(key, entries[n], person, entry, '')
    end
  end
end
if removed > 0 then redis.call('HINCRBY', KEYS[2], 'people', -removed) end
return removed
