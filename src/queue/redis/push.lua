-- The keys of a queue, under its prefix q:
--   q..'jobs'         hash    id -> '<not before> <pushed> <lane>\n<payload>'
--   q..'lane:'..lane  list    ids, the head first
--   q..'ready'        zset    lane -> the time when its head is handed out next (the end of a lease is one)
--   q..'pending'      zset    id -> the time of its push
--   q..'dead'         zset    id -> the time of its death
--   q..'tries'        hash    id -> its attempts, as JSON
-- Times are in milliseconds of this server's clock. All keys of a queue share the hash tag in q.

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Lets a script write although the memory is full: Redis refuses a first write that may take memory, and permits all
-- that follow a write. Only scripts that free memory, or take next to none, call this. Unlike `#!lua flags=allow-oom` it
-- works on Redis 6.2, and on every Valkey. `key` is any key of the slot.
local function permit_writes(key)
  redis.call('DEL', key .. ':none')
end

-- Calls a command for a key of the queue. A value of another type at that key is deleted: an error would stop the script in
-- the middle, and Redis undoes nothing.
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

-- Returns the time before which a job is not handed out, and its payload.
local function read(q, id)
  local at, payload = string.match(ours('HGET', q .. 'jobs', id) or '', '^(%d+) %d+ [^\n]*\n(.*)$')
  return tonumber(at) or 0, payload
end

-- Removes the head of a lane (LPOP), which makes the next job the head, or its last job (RPOP).
local function advance(q, lane, now, from)
  ours(from, q .. 'lane:' .. lane)
  local head = ours('LINDEX', q .. 'lane:' .. lane, 0)
  if not head then
    ours('ZREM', q .. 'ready', lane)
  elseif from == 'LPOP' then
    ours('ZADD', q .. 'ready', 'XX', math.max(now, (read(q, head))), lane)
  end
end
