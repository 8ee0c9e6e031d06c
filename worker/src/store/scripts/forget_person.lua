-- Forgets whose a number is, if that is still what is remembered; who took their place is to be looked for.
-- KEYS person
-- ARGV id, intent
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then
  redis.call('HDEL', KEYS[1], 'id')
  redis.call('HSET', KEYS[1], 'intent', ARGV[2])
end
return 'ok'
