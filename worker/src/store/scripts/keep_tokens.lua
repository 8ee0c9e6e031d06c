-- Keeps new tokens, unless newer ones are kept already, and gives the right to refresh back. Not asked is whether the
-- right has expired meanwhile: the tokens exist, and the refresh token in them may be the only one that is still good.
-- KEYS lock, tokens
-- ARGV owner, generation, sealed, expiry ms
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
local kept = redis.call('HMGET', KEYS[2], 'generation', 'sealed')
if kept[1] == ARGV[2] and kept[2] == ARGV[3] then return 'kept' end
if kept[1] and tonumber(kept[1]) >= tonumber(ARGV[2]) then return 'older' end
redis.call('HSET', KEYS[2], 'generation', ARGV[2], 'sealed', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 'kept'
