-- The newest entries of a user in the change log, newest first. Ids of trimmed entries are left out.
-- KEYS: the list of the user's ids, change log, the identity. ARGV: maximum number of entries.
-- Returns the identity ('' for none), then id and JSON of each entry.
local found = { redis.call('GET', KEYS[3]) or '' }
for i = 1, tonumber(ARGV[1]) do
  local id = redis.call('LINDEX', KEYS[1], -i)
  if not id then break end
  local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
  if entry then
    found[#found + 1] = id
    found[#found + 1] = entry[2][2] or ''
  end
end
return found
