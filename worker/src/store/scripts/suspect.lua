-- Who began to work on a message and never ended: how many are dead, and whether somebody may be alive. If nobody may be,
-- and work is to begin, that is written down.
-- KEYS notes
-- ARGV process, for how long a note's process may be alive ms, begins (1 or 0), ttl ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local notes = redis.call('HGETALL', KEYS[1])
local dead, living = 0, 0
for at = 1, #notes, 2 do
  if notes[at] == ARGV[1] then
    -- Ours: we live, and do not work on it yet.
  elseif now - notes[at + 1] < tonumber(ARGV[2]) then
    living = living + 1
  else
    dead = dead + 1
  end
end
if living == 0 and ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return {dead, living}
