-- ARGV: prefix, lane. Removes all jobs of the lane, pending and dead ones; returns their number.
local q, lane = ARGV[1], ARGV[2]
permit_writes(q .. 'ready')
local function remove(id)
  for _, key in ipairs({ 'jobs', 'tries' }) do redis.call('HDEL', q .. key, id) end
  for _, key in ipairs({ 'pending', 'dead' }) do redis.call('ZREM', q .. key, id) end
end
local erased = redis.call('LRANGE', q .. 'lane:' .. lane, 0, -1)
for _, id in ipairs(redis.call('ZRANGE', q .. 'dead', 0, -1)) do
  local of = string.match(redis.call('HGET', q .. 'jobs', id) or '', '^%d+ %d+ ([^\n]*)\n')
  if of == lane then erased[#erased + 1] = id end
end
for _, id in ipairs(erased) do remove(id) end
redis.call('DEL', q .. 'lane:' .. lane)
redis.call('ZREM', q .. 'ready', lane)
return #erased
