-- ARGV: prefix, limit of lanes, duration of the lease in ms, limits of jobs and of bytes of one lane.
-- Returns now and the lease, then lane, id, value and attempts of each job; those of a lane follow each other.
local q, now = ARGV[1], clock()
local lease = now + ARGV[3]
local most, most_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local claimed = { now, lease }
local ready = redis.call('ZRANGE', q .. 'ready', '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
if #ready > 0 then permit_writes(q) end
local lanes, heads = {}, {}
for _, lane in ipairs(ready) do
  local id = redis.call('LINDEX', q .. 'lane:' .. lane, 0)
  if id then
    lanes[#lanes + 1], heads[#heads + 1] = lane, id
    later('ZADD', q .. 'ready', 'XX', lease, lane)
  else
    redis.call('ZREM', q .. 'ready', lane)
  end
end

local function add(lane, id, value, tries)
  local count = #claimed
  claimed[count + 1], claimed[count + 2], claimed[count + 3], claimed[count + 4] = lane, id, value, tries or ''
end

-- Adds the jobs behind the head of a lane.
local function add_run(lane, bytes)
  for i = 1, most - 1 do
    local id = redis.call('LINDEX', q .. 'lane:' .. lane, i)
    if not id then return end
    local value = redis.call('HGET', q .. 'jobs', id) or ''
    bytes = bytes + #value
    if bytes > most_bytes or (tonumber(string.match(value, '^%d+')) or now) > now then return end
    add(lane, id, value, redis.call('HGET', q .. 'tries', id))
  end
end

for first = 1, #lanes, 1000 do
  local last = math.min(first + 999, #lanes)
  local values = redis.call('HMGET', q .. 'jobs', unpack(heads, first, last))
  local tries = redis.call('HMGET', q .. 'tries', unpack(heads, first, last))
  for i = first, last do
    local value = values[i - first + 1] or ''
    add(lanes[i], heads[i], value, tries[i - first + 1])
    add_run(lanes[i], #value)
  end
end
make_calls()
return claimed
