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

-- Calls for a key of ours. What somebody else has put there under another type gives way: an error would leave the
-- script, which undoes nothing, in the middle of what has to happen together.
local function ours(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if not string.find(answer.err, 'WRONGTYPE', 1, true) then return redis.call(command, key, ...) end
  redis.call('DEL', key)
  return redis.call(command, key, ...)
end

local function push(q, now, job)
  if ours('ZREM', q .. 'dead', job.id) == 1 then
    ours('HDEL', q .. 'jobs', job.id)
    ours('HDEL', q .. 'tries', job.id)
  end
  local value = job.at .. ' ' .. now .. ' ' .. job.lane .. '\n' .. job.payload
  if ours('HSETNX', q .. 'jobs', job.id, value) == 1 then
    ours('RPUSH', q .. 'lane:' .. job.lane, job.id)
    ours('ZADD', q .. 'pending', now, job.id)
    ours('ZADD', q .. 'ready', 'NX', job.at, job.lane)
  end
end

-- When the job called id may be handed out first, and its payload.
local function read(q, id)
  local at, payload = string.match(ours('HGET', q .. 'jobs', id) or '', '^(%d+) %d+ [^\n]*\n(.*)$')
  return tonumber(at) or 0, payload
end

-- Makes the next job of a lane its head: drops the head, or what was taken from the end.
local function advance(q, lane, now, from)
  ours(from, q .. 'lane:' .. lane)
  local head = ours('LINDEX', q .. 'lane:' .. lane, 0)
  if not head then
    ours('ZREM', q .. 'ready', lane)
  elseif from == 'LPOP' then
    ours('ZADD', q .. 'ready', 'XX', math.max(now, (read(q, head))), lane)
  end
end
