-- Claims an interaction for one event of it, and stores what the event states.
-- KEYS interaction, lease, epoch
-- ARGV owner, lease ms, ttl ms, event, facts, epoch id, clean (1: known to be unrecorded), interaction id, schema
if redis.call('HGET', KEYS[3], 'id') ~= ARGV[6] then return {'epoch'} end
local schema = redis.call('HGET', KEYS[1], 'schema')
if schema and tonumber(schema) > tonumber(ARGV[9]) then return {'newer', schema} end
if redis.call('HEXISTS', KEYS[1], 'e:' .. ARGV[4]) == 1 then return {'duplicate'} end

local known = redis.call('EXISTS', KEYS[1])
redis.call('HSETNX', KEYS[1], 'f:' .. ARGV[4], ARGV[5])
if known == 0 then
  redis.call('HSET', KEYS[1], 'id', ARGV[8], 'schema', ARGV[9], 'epoch', ARGV[6], 'clean', ARGV[7])
end
-- What is finished already is remembered for longer.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end

local fence
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
elseif redis.call('GET', KEYS[2]) == ARGV[1] then
  -- The same owner again: its first claim was granted, but the answer was lost.
  fence = redis.call('HGET', KEYS[1], 'fence')
else
  return {'busy'}
end

local answer = redis.call('HGETALL', KEYS[1])
table.insert(answer, 1, tostring(fence))
table.insert(answer, 1, 'granted')
return answer
