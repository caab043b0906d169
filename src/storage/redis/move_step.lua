-- One step of a move of keys into another number of shards. Only the command that holds the lease makes steps; each step
-- renews the lease, and `take` takes it if no other command has it.
-- KEYS: the lease, the sidecars by the end of their registration, the mark, the number of shards. ARGV: the step, the name
-- of the command, how long it holds the lease in ms, the mark, the number of shards.
-- Returns 0; if the step was not made, -1 while another command has the lease, or the number of sidecars that run.
local step, name, ms, mark, shards = unpack(ARGV)
local holder = redis.call('GET', KEYS[1])
if holder ~= name and (holder or step ~= 'take') then return -1 end
if step == 'take' or step == 'begin' then
  local time = redis.call('TIME')
  local running = redis.call('ZCOUNT', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), '+inf')
  if running > 0 then return running end
end
if step == 'begin' then
  redis.call('SET', KEYS[3], mark)
elseif step == 'switch' then
  redis.call('SET', KEYS[3], mark)
  -- Releases without shards have no such key.
  if shards == '1' then redis.call('DEL', KEYS[4]) else redis.call('SET', KEYS[4], shards) end
elseif step == 'end' then
  redis.call('DEL', KEYS[3])
end
if step == 'release' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], name, 'PX', ms) end
return 0
