-- ARGV: prefix, then per job: lane, id, lease, 'done' | 'retry' | 'dead', pause in ms before the retry, attempts.
-- Returns for each job 1 if its lease was still valid, else 0. The lease of a lane holds for all of its jobs, up to the
-- first that is retried.
local q, now = ARGV[1], clock()
local held, lanes, leases, advanced = {}, {}, {}, {}
permit_writes(q)

for a = 2, #ARGV, 6 do
  if not leases[ARGV[a]] then
    lanes[#lanes + 1] = ARGV[a]
    leases[ARGV[a]] = 0
  end
end
for first = 1, #lanes, 1000 do
  local ready = redis.call('ZMSCORE', q .. 'ready', unpack(lanes, first, math.min(first + 999, #lanes)))
  for i, lease in ipairs(ready) do leases[lanes[first + i - 1]] = tonumber(lease or 0) end
end

-- Removes the head of a lane if it is this job.
local function pop(lane, id)
  local head = ours('LPOP', q .. 'lane:' .. lane)
  if head and head ~= id then ours('LPUSH', q .. 'lane:' .. lane, head) end
  return head == id
end

local function retry(lane, id, pause, tries)
  if ours('LINDEX', q .. 'lane:' .. lane, 0) ~= id then return false end
  redis.call('HSET', q .. 'tries', id, tries)
  redis.call('ZADD', q .. 'ready', 'XX', now + pause, lane)
  leases[lane], advanced[lane] = -1, nil
  return true
end

local function remove(lane, id, is_dead, tries)
  if not pop(lane, id) then return false end
  later('ZREM', q .. 'pending', '', id)
  if is_dead then
    redis.call('HSET', q .. 'tries', id, tries)
    redis.call('ZADD', q .. 'dead', now, id)
  else
    later('HDEL', q .. 'tries', '', id)
    later('HDEL', q .. 'jobs', '', id)
  end
  advanced[lane] = true
  return true
end

for a = 2, #ARGV, 6 do
  local lane, id, disposition = ARGV[a], ARGV[a + 1], ARGV[a + 3]
  local is_held = leases[lane] == tonumber(ARGV[a + 2])
  if is_held and disposition == 'retry' then
    is_held = retry(lane, id, ARGV[a + 4], ARGV[a + 5])
  elseif is_held then
    is_held = remove(lane, id, disposition == 'dead', ARGV[a + 5])
  end
  held[#held + 1] = is_held and 1 or 0
end
-- The next jobs are the heads of their lanes.
for _, lane in ipairs(lanes) do
  local head = advanced[lane] and ours('LINDEX', q .. 'lane:' .. lane, 0)
  if head then
    redis.call('ZADD', q .. 'ready', 'XX', math.max(now, (read(q, head))), lane)
  elseif advanced[lane] then
    later('ZREM', q .. 'ready', '', lane)
  end
end
make_calls()
return held
