-- Returns the number of shards that the keys are divided into. Records it if there are no keys yet, and it is not one:
-- releases without shards have no such key.
-- KEYS: the number, the identity of the change log of a single shard. ARGV: the number of shards that is configured.
local stored = redis.call('GET', KEYS[1])
if stored then return tonumber(stored) end
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if ARGV[1] ~= '1' then redis.call('SET', KEYS[1], ARGV[1]) end
return tonumber(ARGV[1])
