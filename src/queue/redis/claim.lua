-- ARGV: prefix, limit, duration of the lease in ms.
-- Returns now and the lease, then lane, id, value and attempts of each job.
local q, now = ARGV[1], clock()
local lease = now + ARGV[3]
local claimed = { now, lease }
local lanes = redis.call('ZRANGE', q .. 'ready', '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
if #lanes > 0 then permit_writes(q) end
for _, lane in ipairs(lanes) do
  local id = redis.call('LINDEX', q .. 'lane:' .. lane, 0)
  if id then
    redis.call('ZADD', q .. 'ready', 'XX', lease, lane)
    for _, part in ipairs({ lane, id, redis.call('HGET', q .. 'jobs', id) or '', redis.call('HGET', q .. 'tries', id) or '' }) do
      claimed[#claimed + 1] = part
    end
  else
    redis.call('ZREM', q .. 'ready', lane)
  end
end
return claimed
