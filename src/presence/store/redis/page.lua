-- Reads a page of the change log, and what is needed to check the position that it begins behind, in one step.
-- KEYS: change log, the last removed id, the identity. ARGV: the position ('' for the beginning), maximum number of
-- entries, bytes of entries after which the page ends.
-- Returns the identity, the last removed id, the last id (only if neither a position nor entries are asked for), '1' if there is
-- an entry at the position (all '' for none), '1' if more entries may follow, then id and JSON of each entry.
local STEP = 32
local log, after, left, bytes = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local identity, trimmed = unpack(redis.call('MGET', KEYS[3], KEYS[2]))
local page = { identity or '', trimmed or '', '', '', '' }
if after == '' and left == 0 then
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  page[3] = last and last[1] or ''
end
-- The first read begins at the position, not behind it, so that it shows whether there is an entry.
local from, here = '-', 0
if after ~= '' then from, here = after, 1 end
local count = math.min(STEP, left) + here
while count > 0 do
  local entries = redis.call('XRANGE', log, from, '+', 'COUNT', count)
  for _, entry in ipairs(entries) do
    local id, json = entry[1], entry[2][2] or ''
    if id == after then
      page[4] = '1'
    elseif left > 0 and bytes > 0 then
      page[#page + 1] = id
      page[#page + 1] = json
      bytes, left = bytes - #json, left - 1
      from = '(' .. id
    end
  end
  if #entries < count or bytes <= 0 then break end
  count = math.min(STEP, left)
end
if left <= 0 or bytes <= 0 then page[5] = '1' end
return page
