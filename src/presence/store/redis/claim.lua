-- Returns users whose due time has passed and leases them, so that no other sweep gets them meanwhile.
-- KEYS: due times. ARGV: now, maximum number of users, end of the lease (all times in ms).
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
if #due > 0 then permit_writes(KEYS[1]) end
for _, key in ipairs(due) do
  later('ZADD', KEYS[1], 'XX', ARGV[3], key)
end
make_calls()
return due
