-- ARGV: prefix, age in ms, limit. Removes dead letters that died longer ago; returns their number.
local q = ARGV[1]
local old = redis.call('ZRANGE', q .. 'dead', '-inf', clock() - ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3])
for _, id in ipairs(old) do
  redis.call('ZREM', q .. 'dead', id)
  redis.call('HDEL', q .. 'jobs', id)
  redis.call('HDEL', q .. 'tries', id)
end
return #old
