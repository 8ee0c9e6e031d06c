-- Forgets whose a number is, if that is still what is remembered.
-- KEYS person
-- ARGV id
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then redis.call('HDEL', KEYS[1], 'id') end
return 'ok'
