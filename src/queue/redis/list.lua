-- ARGV: prefix, 'pending' | 'dead', id and score of the job before the page ('' for the first page), limit.
-- Returns id, score, value, attempts and the time when it is handed out next ('' unless it is a head) of each job.
local q, list = ARGV[1], ARGV[1] .. ARGV[2]
local from = redis.call('ZRANK', list, ARGV[3])
if from then
  from = from + 1
elseif ARGV[4] == '' then
  from = 0
else
  -- The job is in another shard, or gone: behind those of a lower score, and those of its score with lower ids.
  from = redis.call('ZCOUNT', list, '-inf', '(' .. ARGV[4])
  local behind = from + redis.call('ZCOUNT', list, ARGV[4], ARGV[4])
  while from < behind do
    local middle = math.floor((from + behind) / 2)
    if redis.call('ZRANGE', list, middle, middle)[1] <= ARGV[3] then from = middle + 1 else behind = middle end
  end
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
