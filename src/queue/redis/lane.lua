-- ARGV: prefix, lane, limit.
-- Returns id, time of the push, value, attempts and, for the head, the time when it is handed out next ('' for others).
local q, lane = ARGV[1], ARGV[2]
local found = {}
for i = 1, tonumber(ARGV[3]) do
  local id = redis.call('LINDEX', q .. 'lane:' .. lane, i - 1)
  if not id then break end
  local ready = i == 1 and redis.call('ZSCORE', q .. 'ready', lane) or ''
  for _, part in ipairs({
    id, redis.call('ZSCORE', q .. 'pending', id) or '0', redis.call('HGET', q .. 'jobs', id) or '',
    redis.call('HGET', q .. 'tries', id) or '', ready,
  }) do
    found[#found + 1] = part
  end
end
return found
