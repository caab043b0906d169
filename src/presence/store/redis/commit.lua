-- Commits several users, each on its own: all of its part happens, or none.
-- KEYS: due times, change log, the n state keys (each once), then two roster keys (from, to) per entry with extras.
-- ARGV: n, number of outlets; per outlet: prefix of its queue, the events it wants, ms that it holds an offline; then
--       per entry: expected version, new state ('' keeps it, '-' removes it), number of extras e, and, if e > 0: key,
--       member, due time ('' keeps it, '-' removes it), '1' to leave and '1' to join a roster, then event, id
--       and JSON of each change.
-- Returns index and current state ('' for none) of each entry whose version was another.
local n, outlets = tonumber(ARGV[1]), tonumber(ARGV[2])
local now

-- The status before the offlines that are held of a user who is back; they are taken back.
local function take_back(q, lane)
  local before
  while true do
    local last = redis.call('LINDEX', q .. 'lane:' .. lane, -1)
    if not last then return before end
    local at, json = read(q, last)
    local readable, held = pcall(cjson.decode, at > now and json or '')
    if not readable or type(held) ~= 'table' or held.status ~= 'offline' then return before end
    before = held.previous
    redis.call('HDEL', q .. 'jobs', last)
    redis.call('ZREM', q .. 'pending', last)
    advance(q, lane, now, 'RPOP')
  end
end

local function announce(lane, event, id, json)
  now = now or clock()
  for o = 3, 3 * outlets, 3 do
    local q, hold, unchanged = ARGV[o], tonumber(ARGV[o + 2]), false
    if hold > 0 and (event == 'online' or event == 'away') then
      unchanged = take_back(q, lane) == event
    end
    local wanted = not unchanged and string.find(ARGV[o + 1], event, 1, true)
    -- Signs of life do not pile up behind what a receiver has not taken yet.
    if wanted and (event ~= 'heartbeat' or redis.call('EXISTS', q .. 'lane:' .. lane) == 0) then
      push(q, now, { id = id, lane = lane, at = event == 'offline' and now + hold or now, payload = json })
    end
  end
end

local states = redis.call('MGET', unpack(KEYS, 3, n + 2))
local a, roster = 3 + 3 * outlets, n + 3
local written, conflicts = {}, {}
for i = 1, n do
  local state, value, extras = states[i] or '', ARGV[a + 1], tonumber(ARGV[a + 2])
  if string.sub(state, 1, 16) == ARGV[a] then
    if value == '-' then
      redis.call('DEL', KEYS[i + 2])
    elseif value ~= '' then
      written[#written + 1] = KEYS[i + 2]
      written[#written + 1] = value
    end
    if extras > 0 then
      local key, member, due = ARGV[a + 3], ARGV[a + 4], ARGV[a + 5]
      if due == '-' then
        redis.call('ZREM', KEYS[1], key)
      elseif due ~= '' then
        redis.call('ZADD', KEYS[1], due, key)
      end
      if ARGV[a + 6] == '1' then redis.call('ZREM', KEYS[roster], member) end
      if ARGV[a + 7] == '1' then redis.call('ZADD', KEYS[roster + 1], 0, member) end
      for c = a + 8, a + 2 + extras, 3 do
        local event, id, json = ARGV[c], ARGV[c + 1], ARGV[c + 2]
        if event ~= 'heartbeat' then redis.call('XADD', KEYS[2], '*', 'change', json) end
        announce(key, event, id, json)
      end
    end
  else
    conflicts[#conflicts + 1] = i - 1
    conflicts[#conflicts + 1] = state
  end
  if extras > 0 then roster = roster + 2 end
  a = a + 3 + extras
end
if #written > 0 then redis.call('MSET', unpack(written)) end
return conflicts
