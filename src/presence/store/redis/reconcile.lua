-- Compares states, due times and rosters of users, and corrects the due times and rosters.
-- KEYS: due times. ARGV: own prefix, now in ms, then per user: key, scope, member.
-- A user without a due time, who has a state or is on a roster, becomes due: the sweep does the rest. A user with a state
-- is on the roster of its status, and on no other.
-- Returns the numbers of corrected due times and of corrected users on rosters.
local own, now = ARGV[1], ARGV[2]
local dues, members = 0, 0
permit_writes(KEYS[1])
for a = 3, #ARGV, 3 do
  local key, scope, member = ARGV[a], ARGV[a + 1], ARGV[a + 2]
  local state = redis.pcall('GET', own .. 'state:' .. key)
  -- The text inside of JSON strings has no quotation marks of its own, so that this is the member.
  local status = type(state) == 'string' and string.match(state, '"s":"(%a+)"')
  local is_listed, is_wrong = false, false
  for _, name in ipairs({ 'online', 'away' }) do
    local roster = own .. 'roster:' .. name .. ':' .. scope
    local is_on = ours('ZSCORE', roster, member)
    is_listed = is_listed or is_on
    if status and status ~= name and is_on then
      ours('ZREM', roster, member)
      is_wrong = true
    elseif status == name and not is_on then
      ours('ZADD', roster, 0, member)
      is_wrong = true
    end
  end
  if is_wrong then members = members + 1 end
  if (state or is_listed) and not ours('ZSCORE', KEYS[1], key) then
    ours('ZADD', KEYS[1], now, key)
    dues = dues + 1
  end
end
return { dues, members }
