-- Requests for wrk. KIND is the kind of request, USERS the number of users in turn; or PREPARED is a file of complete
-- requests, each between two zero bytes.
local kind, users, prepared = os.getenv("KIND"), tonumber(os.getenv("USERS")), os.getenv("PREPARED")
local headers = {
  ["Authorization"] = "Bearer " .. os.getenv("PRESENCE_TOKEN"),
  ["Content-Type"] = "application/json",
}
local threads = 0
local turn = 0

function setup(thread)
  thread:set("turn", threads * 7919)
  threads = threads + 1
end

local function body_of(user)
  return '{"user_id": ' .. user .. ', "meta": {"ip": "203.0.113.9", "ua": "Mozilla/5.0 (X11; Linux x86_64)"}}'
end

local requests = {
  bare = function(user) return wrk.format("POST", "/bare", headers, body_of(user)) end,
  heartbeat = function(user) return wrk.format("POST", "/api/v1/presence/heartbeat", headers, body_of(user)) end,
  status = function(user) return wrk.format("GET", "/api/v1/presence/status/" .. user, headers) end,
  roster = function(_) return wrk.format("GET", "/api/v1/presence/roster?limit=100", headers) end,
  counts = function(_) return wrk.format("GET", "/api/v1/presence/counts", headers) end,
  changes = function(_) return wrk.format("GET", "/api/v1/presence/changes?limit=100", headers) end,
  snapshot = function(_) return wrk.format("GET", "/api/v1/presence/snapshot?limit=100", headers) end,
}

function requests.many(user)
  local ids = {}
  for i = 1, 100 do ids[i] = (user + i) % users end
  return wrk.format("POST", "/api/v1/presence/many", headers, '{"user_ids": [' .. table.concat(ids, ",") .. "]}")
end

-- The ids of requests that are in flight at the same time do not overlap.
function requests.many_apart(user)
  local ids = {}
  for i = 1, 100 do ids[i] = (100 * user + i) % users end
  return wrk.format("POST", "/api/v1/presence/many", headers, '{"user_ids": [' .. table.concat(ids, ",") .. "]}")
end

function requests.batch(user)
  local beats = {}
  for i = 1, 100 do beats[i] = body_of((user + i) % users) end
  return wrk.format("POST", "/api/v1/presence/heartbeats", headers, "[" .. table.concat(beats, ",") .. "]")
end

-- Bodies are made once, so that wrk's own work is the same for every kind.
local made = {}

function init()
  if prepared then
    for request in assert(io.open(prepared, "rb")):read("*a"):gmatch("[^%z]+") do made[#made + 1] = request end
    return
  end
  for i = 1, math.min(users, 2000) do made[i] = requests[kind]((i * 13) % users) end
end

function request()
  turn = turn + 1
  return made[turn % #made + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "requests_per_second": %.1f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}\n',
    summary.requests,
    summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1000,
    latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout
  ))
end
