-- Reads a page of the change log, and what is needed to check the position that it begins behind, in one step.
-- KEYS: change log, the last removed id, the identity. ARGV: the position ('' for the beginning), maximum number of
-- entries, bytes of entries after which the page ends.
-- Returns the identity, the last removed id, the last id, '1' if there is an entry at the position (all '' for none), '1'
-- if more entries may follow, then id and JSON of each entry.
local STEP = 32
local log, after, left, bytes = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
local here = after ~= '' and redis.call('XRANGE', log, after, after, 'COUNT', 1)[1]
local identity, trimmed = unpack(redis.call('MGET', KEYS[3], KEYS[2]))
local page = { identity or '', trimmed or '', last and last[1] or '', here and '1' or '', '' }
local from = after == '' and '-' or '(' .. after
while left > 0 and bytes > 0 do
  local step = math.min(STEP, left)
  local entries = redis.call('XRANGE', log, from, '+', 'COUNT', step)
  for _, entry in ipairs(entries) do
    if bytes <= 0 then break end
    local json = entry[2][2] or ''
    page[#page + 1] = entry[1]
    page[#page + 1] = json
    bytes = bytes - #json
    from, left = '(' .. entry[1], left - 1
  end
  if #entries < step then break end
end
if left <= 0 or bytes <= 0 then page[5] = '1' end
return page
