-- Commits several users, each on its own: all of a user's part is written, or none. Laravel's record is written outside of
-- it, by the commands around the call (see store/redis/mod.rs). Redis undoes nothing when a script
-- fails, so each user is checked first, then the changes and the state are written one after the other, and the rest,
-- which cannot fail, behind them: whatever fails, a user whose changes are in the log has the state that goes with them,
-- and is not committed again. Due times, rosters and the sorted sets of queues are written at the end, one command for all.
-- KEYS: due times, change log, the n state keys (each once), then two roster keys (online, away) per entry with extras.
-- ARGV: n, number of queues, '1' if the commits free memory in the end, so that they are made although it is full, prefix
--       of each queue; then per entry: expected version, new state ('' keeps it, '-' removes
--       it), number of extras e, and, if e > 0: key, member, due time ('' keeps it, '-' removes it), the status whose roster
--       alone contains the member afterwards ('' leaves both as they are), number of changes c, then per change: '1' if it
--       is logged, id, JSON; number of retractions r, then per retraction, the last job of a lane first: number of its
--       queue, id; then per push: number of its queue, number of its change, ms that it is held, '1' if it is dropped
--       unless the lane is empty.
-- Returns index and current state ('' for none) of each entry that was refused: its version is another one, or a job to
-- be retracted is not held at the end of its lane.
local n, queues = tonumber(ARGV[1]), tonumber(ARGV[2])
local now

local function are_held(lane, first, last)
  local ends = {}
  for r = first, last, 2 do
    local q, id = ARGV[3 + ARGV[r]], ARGV[r + 1]
    ends[q] = (ends[q] or 0) - 1
    if ours('LINDEX', q .. 'lane:' .. lane, ends[q]) ~= id or read(q, id) <= now then return false end
  end
  return true
end

local function retract(lane, first, last)
  for r = first, last, 2 do
    local q, id = ARGV[3 + ARGV[r]], ARGV[r + 1]
    ours('HDEL', q .. 'jobs', id)
    ours('ZREM', q .. 'pending', id)
    ours('RPOP', q .. 'lane:' .. lane)
    if ours('EXISTS', q .. 'lane:' .. lane) == 0 then ours('ZREM', q .. 'ready', lane) end
  end
end

-- `changes` is where the changes begin.
local function push_all(lane, changes, first, last)
  for p = first, last, 4 do
    local q, c = ARGV[3 + ARGV[p]], changes + 3 * (ARGV[p + 1] - 1)
    if ARGV[p + 3] ~= '1' or ours('EXISTS', q .. 'lane:' .. lane) == 0 then
      push(q, now, { id = ARGV[c + 1], lane = lane, at = now + ARGV[p + 2], payload = ARGV[c + 2] })
    end
  end
end

-- The version that a state begins with; none if it begins with anything else.
local function version(state)
  local head = string.sub(state, 1, 16)
  local is_one = #head == 16 and not string.find(head, '[^0-9a-f]') and string.find(head, '[^0]')
  return is_one and head or ''
end

-- Writes changes, and then the state with the id of the newest one; `before` is the state as it was.
local function write_state(state_key, before, value, first, last)
  local newest = newest_change(before)
  for c = first, last, 3 do
    if ARGV[c] == '1' then newest = ours('XADD', KEYS[2], '*', newest or 'change', ARGV[c + 2]) end
  end
  if value == '-' then
    redis.call('DEL', state_key)
  elseif value ~= '' then
    if newest then value = string.sub(value, 1, -2) .. ',"h":"' .. newest .. '"}' end
    redis.call('SET', state_key, value)
  end
end

local function list(member, status, online, away)
  if status == 'online' then later('ZADD', online, '', 0, member) else later('ZREM', online, '', member) end
  if status == 'away' then later('ZADD', away, '', 0, member) else later('ZREM', away, '', member) end
end

if ARGV[3] == '1' then permit_writes(KEYS[1]) end
local states = redis.call('MGET', unpack(KEYS, 3, n + 2))
local conflicts = {}

local function commit_all()
  local a, roster = 4 + queues, n + 3
  for i = 1, n do
    local state, extras = states[i] or '', tonumber(ARGV[a + 2])
    local last, changes = a + 2 + extras, a + 8
    -- Where the retractions and the pushes begin.
    local retractions, pushes = changes, changes
    if extras > 0 then
      retractions = changes + 3 * ARGV[a + 7] + 1
      pushes = retractions + 2 * ARGV[retractions - 1]
      if pushes > retractions or last >= pushes then now = now or clock() end
    end
    local is_possible = pushes == retractions or are_held(ARGV[a + 3], retractions, pushes - 1)
    if is_possible and version(state) == ARGV[a] then
      local key = extras > 0 and ARGV[a + 3] or nil
      write_state(KEYS[i + 2], state, ARGV[a + 1], changes, retractions - 2)
      if key then
        local member, due, status = ARGV[a + 4], ARGV[a + 5], ARGV[a + 6]
        if due == '-' then
          ours('ZREM', KEYS[1], key)
        elseif due ~= '' then
          later('ZADD', KEYS[1], '', due, key)
        end
        if status ~= '' then list(member, status, KEYS[roster], KEYS[roster + 1]) end
        retract(key, retractions, pushes - 1)
        push_all(key, changes, pushes, last)
      end
    else
      conflicts[#conflicts + 1] = i - 1
      conflicts[#conflicts + 1] = state
    end
    if extras > 0 then roster = roster + 2 end
    a = last + 1
  end
end

-- What was put off belongs to users whose states are written: it is done even if another user's part fails.
local is_done, failure = pcall(commit_all)
make_calls()
if not is_done then error(failure, 0) end
return conflicts
