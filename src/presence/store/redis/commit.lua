-- Commits several users, each on its own: all of its part happens, or none. Redis undoes nothing when a script fails, so
-- that each user's changes and state are written one after the other, and the rest, which cannot fail, behind them:
-- whatever fails, a user whose changes are in the log has the state that goes with them, and is not committed again.
-- KEYS: due times, change log, the n state keys (each once), then two roster keys (online, away) per entry with extras.
-- ARGV: n, number of outlets; per outlet: prefix of its queue, the events it wants, ms that it holds an offline; then
--       per entry: expected version, new state ('' keeps it, '-' removes it), number of extras e, and, if e > 0: key,
--       member, due time ('' keeps it, '-' removes it), the status whose roster alone is to have the member ('' leaves
--       both as they are), then event, id and JSON of each change.
-- Returns index and current state ('' for none) of each entry whose version was another.
local n, outlets = tonumber(ARGV[1]), tonumber(ARGV[2])
local now

-- The status before the offlines that are held of a user who is back; they are taken back.
local function take_back(q, lane)
  local before
  while true do
    local last = ours('LINDEX', q .. 'lane:' .. lane, -1)
    if not last then return before end
    local at, json = read(q, last)
    local readable, held = pcall(cjson.decode, at > now and json or '')
    if not readable or type(held) ~= 'table' or held.status ~= 'offline' then return before end
    before = held.previous
    ours('HDEL', q .. 'jobs', last)
    ours('ZREM', q .. 'pending', last)
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
    if wanted and (event ~= 'heartbeat' or ours('EXISTS', q .. 'lane:' .. lane) == 0) then
      push(q, now, { id = id, lane = lane, at = event == 'offline' and now + hold or now, payload = json })
    end
  end
end

-- The version that a state begins with; none if it begins with anything else.
local function version(state)
  local head = string.sub(state, 1, 16)
  local is_one = #head == 16 and not string.find(head, '[^0-9a-f]') and string.find(head, '[^0]')
  return is_one and head or ''
end

local function record(key, value, first, last)
  for c = first, last, 3 do
    if ARGV[c] ~= 'heartbeat' then ours('XADD', KEYS[2], '*', 'change', ARGV[c + 2]) end
  end
  if value == '-' then
    redis.call('DEL', key)
  elseif value ~= '' then
    redis.call('SET', key, value)
  end
end

local function list(member, status, online, away)
  for name, roster in pairs({ online = online, away = away }) do
    if name == status then ours('ZADD', roster, 0, member) else ours('ZREM', roster, member) end
  end
end

local states = redis.call('MGET', unpack(KEYS, 3, n + 2))
local a, roster = 3 + 3 * outlets, n + 3
local conflicts = {}
for i = 1, n do
  local state, extras = states[i] or '', tonumber(ARGV[a + 2])
  if version(state) == ARGV[a] then
    record(KEYS[i + 2], ARGV[a + 1], a + 7, a + 2 + extras)
    if extras > 0 then
      local key, member, due, status = ARGV[a + 3], ARGV[a + 4], ARGV[a + 5], ARGV[a + 6]
      if due == '-' then
        ours('ZREM', KEYS[1], key)
      elseif due ~= '' then
        ours('ZADD', KEYS[1], due, key)
      end
      if status ~= '' then list(member, status, KEYS[roster], KEYS[roster + 1]) end
      for c = a + 7, a + 2 + extras, 3 do
        announce(key, ARGV[c], ARGV[c + 1], ARGV[c + 2])
      end
    end
  else
    conflicts[#conflicts + 1] = i - 1
    conflicts[#conflicts + 1] = state
  end
  if extras > 0 then roster = roster + 2 end
  a = a + 3 + extras
end
return conflicts
