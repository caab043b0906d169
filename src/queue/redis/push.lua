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

-- Calls that are made at the end of the script: those of one command and key as one. None of them depends on another.
local calls, by_key = {}, {}

-- Adds an argument, or two, to the call of a command for a key of the queue, with an option of the command ('' for none).
local function later(command, key, option, first, second)
  local of_key = by_key[key]
  if not of_key then
    of_key = {}
    by_key[key] = of_key
  end
  local call = of_key[command]
  if not call then
    call = { command = command, key = key, option = option, list = {} }
    of_key[command] = call
    calls[#calls + 1] = call
  end
  local list = call.list
  list[#list + 1] = first
  if second then list[#list + 1] = second end
end

-- Makes these calls, in steps that are as long as unpack() permits, and of whole pairs.
local function make_calls()
  for _, call in ipairs(calls) do
    for first = 1, #call.list, 2000 do
      local last = math.min(first + 1999, #call.list)
      if call.option == '' then
        ours(call.command, call.key, unpack(call.list, first, last))
      else
        ours(call.command, call.key, call.option, unpack(call.list, first, last))
      end
    end
  end
  calls, by_key = {}, {}
end

-- Appends a job; make_calls() completes it.
local function push(q, now, job)
  local value = job.at .. ' ' .. now .. ' ' .. job.lane .. '\n' .. job.payload
  local is_new = ours('HSETNX', q .. 'jobs', job.id, value) == 1
  if not is_new and ours('ZREM', q .. 'dead', job.id) == 1 then
    ours('HDEL', q .. 'tries', job.id)
    ours('HSET', q .. 'jobs', job.id, value)
    is_new = true
  end
  if is_new then
    ours('RPUSH', q .. 'lane:' .. job.lane, job.id)
    later('ZADD', q .. 'pending', '', now, job.id)
    -- It is in no other list; a list of another type is replaced by this.
    later('ZREM', q .. 'dead', '', job.id)
    later('ZADD', q .. 'ready', 'NX', job.at, job.lane)
  end
end

-- Returns the time before which a job is not handed out, and its payload.
local function read(q, id)
  local at, payload = string.match(ours('HGET', q .. 'jobs', id) or '', '^(%d+) %d+ [^\n]*\n(.*)$')
  return tonumber(at) or 0, payload
end
