-- Commits several users, each on its own: all of its part happens, or none.
-- KEYS: due times, change log, the n state keys (each once), then two roster keys (from, to) per entry with extras.
-- ARGV: n, then per entry: expected version, new state ('' keeps it, '-' removes it), number of extras e, and, if e > 0,
--       key, member, due time ('' keeps it, '-' removes it), '1' to leave and '1' to join a roster, then its changes.
-- Returns index and current state ('' for none) of each entry whose version was another.
local n = tonumber(ARGV[1])
local states = redis.call('MGET', unpack(KEYS, 3, n + 2))
local a, roster = 2, n + 3
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
      for change = a + 8, a + 2 + extras do
        redis.call('XADD', KEYS[2], '*', 'change', ARGV[change])
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
