-- A queue lies under a prefix q:
--   q..'jobs'         hash    id -> '<not before> <pushed> <lane>\n<payload>'
--   q..'lane:'..lane  list    ids, the head first
--   q..'ready'        zset    lane -> when its head may be handed out next (a lease is a time to come)
--   q..'pending'      zset    id -> when it was pushed
--   q..'dead'         zset    id -> when it died
--   q..'tries'        hash    id -> what is known of its tries
-- Times are milliseconds of this server. All keys of a queue share the hash tag in q.

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function push(q, now, job)
  if redis.call('ZREM', q .. 'dead', job.id) == 1 then
    redis.call('HDEL', q .. 'jobs', job.id)
    redis.call('HDEL', q .. 'tries', job.id)
  end
  local value = job.at .. ' ' .. now .. ' ' .. job.lane .. '\n' .. job.payload
  if redis.call('HSETNX', q .. 'jobs', job.id, value) == 1 then
    redis.call('RPUSH', q .. 'lane:' .. job.lane, job.id)
    redis.call('ZADD', q .. 'pending', now, job.id)
    redis.call('ZADD', q .. 'ready', 'NX', job.at, job.lane)
  end
end

-- When the job called id may be handed out first, and its payload.
local function read(q, id)
  local at, payload = string.match(redis.call('HGET', q .. 'jobs', id) or '', '^(%d+) %d+ [^\n]*\n(.*)$')
  return tonumber(at) or 0, payload
end

-- Makes the next job of a lane its head: drops the head, or what was taken from the end.
local function advance(q, lane, now, from)
  redis.call(from, q .. 'lane:' .. lane)
  local head = redis.call('LINDEX', q .. 'lane:' .. lane, 0)
  if not head then
    redis.call('ZREM', q .. 'ready', lane)
  elseif from == 'LPOP' then
    redis.call('ZADD', q .. 'ready', 'XX', math.max(now, (read(q, head))), lane)
  end
end
