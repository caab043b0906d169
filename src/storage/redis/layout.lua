-- Registers a sidecar, and returns the number of shards that the keys are divided into; 0 while they are being moved into
-- another number. Records the number if there are no keys yet, and it is not one: releases without shards have no such key.
-- KEYS: the number, the identity of the change log of a single shard, the sidecars by the end of their registration, the
-- mark that keys are being moved, the lease of the command that moves them. ARGV: the number of shards that is configured,
-- the name of the sidecar, how long it is registered in ms.
if redis.call('EXISTS', KEYS[4], KEYS[5]) > 0 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A server that refuses this, since it is full or a replica, refuses commits, too.
local added = redis.pcall('ZADD', KEYS[3], now + ARGV[3], ARGV[2])
if type(added) == 'number' then
  for _, ended in ipairs(redis.call('ZRANGE', KEYS[3], '-inf', now, 'BYSCORE')) do redis.call('ZREM', KEYS[3], ended) end
end
local stored = redis.call('GET', KEYS[1])
if stored then return tonumber(stored) end
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if ARGV[1] ~= '1' then redis.call('SET', KEYS[1], ARGV[1]) end
return tonumber(ARGV[1])
