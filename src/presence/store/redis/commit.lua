-- Commits several users, each on its own: all of its part happens, or none.
-- KEYS: due times, change log, the n state keys, then two roster keys (from, to) for each entry with extras.
-- ARGV: n, then per entry: expected version, new state ('' keeps it, '-' removes it), number of extras e, and, if e > 0,
--       key, member, due time ('' keeps it, '-' removes it), '1' to leave and '1' to join a roster, then its changes.
-- Returns index and current state ('' for none) of each entry whose version was another.
local n = tonumber(ARGV[1])
local a, roster = 2, n + 3
local conflicts = {}
for i = 1, n do
  local state, value, extras = KEYS[i + 2], ARGV[a + 1], tonumber(ARGV[a + 2])
  if redis.call('GETRANGE', state, 0, 15) == ARGV[a] then
    if value == '-' then
      redis.call('DEL', state)
    elseif value ~= '' then
      redis.call('SET', state, value)
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
      for change = a + 8, a + 2 + extras do
        redis.call('XADD', KEYS[2], '*', 'change', ARGV[change])
      end
    end
  else
    conflicts[#conflicts + 1] = i - 1
    conflicts[#conflicts + 1] = redis.call('GET', state) or ''
  end
  if extras > 0 then roster = roster + 2 end
  a = a + 3 + extras
end
return conflicts
