-- ARGV: prefix, how many at most, span of the lease in ms.
-- Returns: ms until the queue resumes (0: it is not paused), now, lease, then lane, id, value, tries of each job.
local q, now = ARGV[1], clock()
local paused = tonumber(redis.call('GET', q .. 'paused') or 0) - now
if paused > 0 then return { paused } end
local lease = now + ARGV[3]
local claimed = { 0, now, lease }
for _, lane in ipairs(redis.call('ZRANGE', q .. 'ready', '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
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
