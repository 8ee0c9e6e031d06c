-- Counts the processes that began to work on a message and never ended: the dead, and those that may be alive. If none may
-- be alive, and work is to begin, a note of this process is stored.
-- KEYS notes
-- ARGV process, for how long a note's process may be alive ms, begins (1 or 0), ttl ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local notes = redis.call('HGETALL', KEYS[1])
local dead, living = 0, 0
for at = 1, #notes, 2 do
  if notes[at] == ARGV[1] then
    -- Our own: this process is alive, and does not work on it yet.
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
