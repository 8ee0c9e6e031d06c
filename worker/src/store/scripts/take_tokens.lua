-- Takes the right to refresh the tokens, or prolongs it, and returns the tokens in any case.
-- KEYS lock, tokens
-- ARGV owner, expiry ms
local holder = redis.call('GET', KEYS[1])
local is_ours = not holder or holder == ARGV[1]
if is_ours then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
local kept = redis.call('HMGET', KEYS[2], 'generation', 'sealed')
return {is_ours and 1 or 0, kept[1] or '', kept[2] or ''}
