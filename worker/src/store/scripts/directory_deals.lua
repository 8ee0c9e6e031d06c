-- Notes deals of people as open or not. A record: pass (2 bytes), deal (8). Of a person with very many, some are left out.
-- KEYS base, state
-- ARGV format, then four for each deal: bucket and field of its person, deal, pass ('' for a deal that is not open)
if redis.call('HGET', KEYS[2], 'format') ~= ARGV[1] then return -1 end
local changed = 0
local highest = tonumber(redis.call('HGET', KEYS[2], 'highest') or '0')
for n = 2, #ARGV, 4 do
  local key, field, deal, pass = KEYS[1] .. 'd:' .. ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]
  local old = redis.call('HGET', key, field) or ''
  local others, known = '', false
  for at = 1, #old, 10 do
    if string.sub(old, at + 2, at + 9) == deal then
      known = true
    else
      others = others .. string.sub(old, at, at + 9)
    end
  end
  if pass ~= '' and #others < 1000 then others = others .. pass .. deal end
  if known ~= (pass ~= '') then changed = changed + 1 end
  if others == '' then
    if known then redis.call('HDEL', key, field) end
  elseif others ~= old then
    redis.call('HSET', key, field, others)
    highest = math.max(highest, tonumber(ARGV[n]) * 64 + tonumber(field))
  end
end
redis.call('HSET', KEYS[2], 'highest', string.format('%.0f', highest))
return changed
