-- Sets the mark that keys are being moved, unless a sidecar runs. Returns the number of sidecars that run.
-- KEYS: the sidecars by the end of their registration, the mark. ARGV: the mark.
local time = redis.call('TIME')
local running = redis.call('ZCOUNT', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), '+inf')
if running == 0 then redis.call('SET', KEYS[2], ARGV[1]) end
return running
