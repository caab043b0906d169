-- Reads the jobs that are held at the ends of lanes: those that are not due, behind the last one that is.
-- KEYS: a key in the slot of the queues. ARGV: number of queues, prefix of each queue, then the lanes.
-- Returns a list for each lane, with three items for each held job: number of the queue, id, payload; the
-- jobs of a queue oldest first.
local queues, now = tonumber(ARGV[1]), clock()
local lanes = {}
for a = queues + 2, #ARGV do
  local held = {}
  for number = 1, queues do
    local q, jobs = ARGV[number + 1], {}
    local id, at, payload
    repeat
      id = ours('LINDEX', q .. 'lane:' .. ARGV[a], -1 - #jobs)
      at = 0
      if id then at, payload = read(q, id) end
      if at > now then jobs[#jobs + 1] = { id, payload } end
    until at <= now
    for j = #jobs, 1, -1 do
      for _, part in ipairs({ tostring(number), jobs[j][1], jobs[j][2] }) do held[#held + 1] = part end
    end
  end
  lanes[#lanes + 1] = held
end
return lanes
