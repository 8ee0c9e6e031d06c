-- Takes out the deals that the full list did not show.
-- KEYS base, state
-- ARGV format, pass, first bucket, last bucket
local pass = tonumber(ARGV[2])
if redis.call('HGET', KEYS[2], 'format') ~= ARGV[1] then return -1 end
for bucket = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local key = KEYS[1] .. 'd:' .. bucket
  local people = redis.call('HGETALL', key)
  for n = 1, #people, 2 do
    local old, kept = people[n + 1], ''
    for at = 1, #old, 10 do
      if string.byte(old, at) * 256 + string.byte(old, at + 1) >= pass then kept = kept .. string.sub(old, at, at + 9) end
    end
    if kept == '' then
      redis.call('HDEL', key, people[n])
    elseif kept ~= old then
      redis.call('HSET', key, people[n], kept)
    end
  end
end
return 0
