-- ARGV: prefix, 'pending' | 'dead', id and score of the job before the page ('' for the first page), limit.
-- Returns id, score, value, attempts and the time when it is handed out next ('' unless it is a head) of each job.
local q, list = ARGV[1], ARGV[1] .. ARGV[2]
local from = redis.call('ZRANK', list, ARGV[3])
if from then
  from = from + 1
else
  from = ARGV[4] == '' and 0 or redis.call('ZCOUNT', list, '-inf', '(' .. ARGV[4])
end
local found = {}
local range = redis.call('ZRANGE', list, from, from + ARGV[5] - 1, 'WITHSCORES')
for i = 1, #range, 2 do
  local id = range[i]
  local value = redis.call('HGET', q .. 'jobs', id) or ''
  local lane = string.match(value, '^%d+ %d+ ([^\n]*)\n')
  local ready = ''
  if ARGV[2] == 'pending' and lane and redis.call('LINDEX', q .. 'lane:' .. lane, 0) == id then
    ready = redis.call('ZSCORE', q .. 'ready', lane) or ''
  end
  for _, part in ipairs({ id, range[i + 1], value, redis.call('HGET', q .. 'tries', id) or '', ready }) do
    found[#found + 1] = part
  end
end
return found
