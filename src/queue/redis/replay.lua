-- ARGV: prefix, then ids of dead letters. Returns the number of jobs put back into their lanes.
local q, now = ARGV[1], clock()
local count = 0
for a = 2, #ARGV do
  local id = ARGV[a]
  local lane, payload = string.match(redis.call('HGET', q .. 'jobs', id) or '', '^%d+ %d+ ([^\n]*)\n(.*)$')
  if lane and redis.call('ZSCORE', q .. 'dead', id) then
    push(q, now, { id = id, lane = lane, at = now, payload = payload })
    count = count + 1
  end
end
make_calls()
return count
