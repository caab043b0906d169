-- ARGV: prefix, then per job: lane, id, lease, 'done' | 'retry' | 'dead', pause in ms before the retry, attempts.
-- Returns for each job 1 if its lease was still valid, else 0. The lease of a lane holds for all of its jobs, up to the
-- first that is retried.
local q, now = ARGV[1], clock()
local held, open = {}, {}
permit_writes(q)
for a = 2, #ARGV, 6 do
  local lane, id, disposition = ARGV[a], ARGV[a + 1], ARGV[a + 3]
  local lease = open[lane] or tonumber(redis.call('ZSCORE', q .. 'ready', lane) or 0)
  if lease ~= tonumber(ARGV[a + 2]) or redis.call('LINDEX', q .. 'lane:' .. lane, 0) ~= id then
    held[#held + 1] = 0
  else
    held[#held + 1] = 1
    if disposition == 'retry' then
      redis.call('HSET', q .. 'tries', id, ARGV[a + 5])
      redis.call('ZADD', q .. 'ready', 'XX', now + ARGV[a + 4], lane)
      open[lane] = -1
    else
      redis.call('ZREM', q .. 'pending', id)
      if disposition == 'dead' then
        redis.call('HSET', q .. 'tries', id, ARGV[a + 5])
        redis.call('ZADD', q .. 'dead', now, id)
      else
        redis.call('HDEL', q .. 'tries', id)
        redis.call('HDEL', q .. 'jobs', id)
      end
      advance(q, lane, now, 'LPOP')
      open[lane] = lease
    end
  end
end
return held
