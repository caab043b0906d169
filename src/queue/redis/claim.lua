-- ARGV: prefix, limit of lanes, duration of the lease in ms, limits of jobs and of bytes of one lane.
-- Returns now and the lease, then lane, id, value and attempts of each job; those of a lane follow each other.
local q, now = ARGV[1], clock()
local lease = now + ARGV[3]
local most, most_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local claimed = { now, lease }
local lanes = redis.call('ZRANGE', q .. 'ready', '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
if #lanes > 0 then permit_writes(q) end
for _, lane in ipairs(lanes) do
  local list, bytes = q .. 'lane:' .. lane, 0
  local id = redis.call('LINDEX', list, 0)
  if id then
    redis.call('ZADD', q .. 'ready', 'XX', lease, lane)
    for i = 1, most do
      local value = redis.call('HGET', q .. 'jobs', id) or ''
      bytes = bytes + #value
      if i > 1 and (bytes > most_bytes or (tonumber(string.match(value, '^%d+')) or now) > now) then break end
      for _, part in ipairs({ lane, id, value, redis.call('HGET', q .. 'tries', id) or '' }) do
        claimed[#claimed + 1] = part
      end
      id = i < most and redis.call('LINDEX', list, i)
      if not id then break end
    end
  else
    redis.call('ZREM', q .. 'ready', lane)
  end
end
return claimed
