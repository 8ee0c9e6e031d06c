-- The ids of people that the pass did not meet, at most so many.
-- KEYS base, state
-- ARGV format, pass, first bucket, last bucket, most
local absent = {}
if redis.call('HGET', KEYS[2], 'format') ~= ARGV[1] then return absent end
local pass, most = tonumber(ARGV[2]), tonumber(ARGV[5])
for bucket = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local entries = redis.call('HGETALL', KEYS[1] .. 'p:' .. bucket)
  for n = 1, #entries, 2 do
    if string.byte(entries[n + 1], 1) * 256 + string.byte(entries[n + 1], 2) < pass then
      absent[#absent + 1] = bucket * 64 + tonumber(entries[n])
      if #absent == most then return absent end
    end
  end
end
return absent
