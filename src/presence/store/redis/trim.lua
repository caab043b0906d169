-- Removes old entries of the change log, but none whose job is still in a queue; stores the id of the last removed one.
-- KEYS: change log, the stored id. ARGV: ms before which entries are old, then the prefix of each queue.
local before = tonumber(ARGV[1])
for a = 2, #ARGV do
  local oldest = redis.call('ZRANGE', ARGV[a] .. 'pending', 0, 0, 'WITHSCORES')[2]
  if oldest then before = math.min(before, oldest - 1000) end
end
-- XREVRANGE reads the whole log when the first entry is not in its range.
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if first and tonumber(first[1]:match('^%d+')) < before then
  local first_kept = string.format('%.0f-0', before)
  local last = redis.call('XREVRANGE', KEYS[1], '(' .. first_kept, '-', 'COUNT', 1)[1]
  permit_writes(KEYS[1])
  redis.call('SET', KEYS[2], last[1])
  redis.call('XTRIM', KEYS[1], 'MINID', first_kept)
end
return redis.status_reply('OK')
