-- Gives the change log its identity, unless it has one; returns it.
-- KEYS: the identity. ARGV: the new one.
local identity = redis.call('GET', KEYS[1])
if identity then return identity end
-- A write that takes no memory comes first: Redis then permits the others even if it is full.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
