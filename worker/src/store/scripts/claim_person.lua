-- Claims the right to find out, or to create, the person of one number.
-- KEYS person, lock, epoch, the person's name before there was a key for hashes
-- ARGV owner, lease ms, ttl ms, epoch id, schema
if redis.call('HGET', KEYS[3], 'id') ~= ARGV[4] then return {'epoch'} end
if KEYS[4] ~= KEYS[1] and redis.call('EXISTS', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('RENAME', KEYS[4], KEYS[1])
end
local schema = redis.call('HGET', KEYS[1], 'schema')
if schema and tonumber(schema) > tonumber(ARGV[5]) then return {'newer', schema} end
local id = redis.call('HGET', KEYS[1], 'id')
if id then return {'known', id} end

local fence
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
elseif redis.call('GET', KEYS[2]) == ARGV[1] then
  fence = redis.call('HGET', KEYS[1], 'fence')
else
  return {'busy'}
end
redis.call('HSET', KEYS[1], 'schema', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'granted', tostring(fence), redis.call('HGET', KEYS[1], 'intent') or ''}
