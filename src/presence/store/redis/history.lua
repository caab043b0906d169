-- The newest entries of a user in the change log, newest first. They end at the first that was trimmed.
-- KEYS: the user's state, change log, the identity. ARGV: maximum number of entries.
-- Returns the identity ('' for none), then id and JSON of each entry.
local found = { redis.call('GET', KEYS[3]) or '' }
local state = redis.pcall('GET', KEYS[1])
local id = type(state) == 'string' and newest_change(state)
for _ = 1, tonumber(ARGV[1]) do
  local entry = id and redis.call('XRANGE', KEYS[2], id, id)[1]
  if not entry then break end
  found[#found + 1] = id
  found[#found + 1] = entry[2][2] or ''
  id = string.match(entry[2][1], '^%d+%-%d+$')
end
return found
