-- ARGV: prefix, then per job: lane, id, delay in ms, payload.
local q, now = ARGV[1], clock()
for a = 2, #ARGV, 4 do
  push(q, now, { lane = ARGV[a], id = ARGV[a + 1], at = now + ARGV[a + 2], payload = ARGV[a + 3] })
end
make_calls()
return redis.status_reply('OK')
