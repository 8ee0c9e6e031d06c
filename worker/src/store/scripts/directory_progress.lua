-- Notes progress, if the lock is still the asker's, and prolongs the lock. An empty value takes a field away.
-- KEYS lock, state
-- ARGV owner, lock ms, then field and value
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
for n = 3, #ARGV, 2 do
  if ARGV[n + 1] == '' then
    redis.call('HDEL', KEYS[2], ARGV[n])
  else
    redis.call('HSET', KEYS[2], ARGV[n], ARGV[n + 1])
  end
end
return 1
