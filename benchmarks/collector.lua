-- What wrk sends: N new events a request, in the Segment form; reports what was answered.
local size, key = tonumber(os.getenv("N")), os.getenv("KEY")
local threads = 0

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init()
  math.randomseed(os.time() * 1000 + id * 7919)
  run, sent = string.format("%08x", math.random(0, 0x7fffffff)), 0
  headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Basic " .. key }
end

local function event()
  sent = sent + 1
  return string.format(
    '{"type":"track","event":"Product Viewed","anonymousId":"%s-%d-%d","messageId":"%s-%d-%d","timestamp":"%s",'
      .. '"properties":{"product_id":"p%d","price":12.5,"category":"shoes","currency":"EUR"},'
      .. '"context":{"page":{"url":"https://shop.example/p/%d","path":"/p/%d","title":"A shoe"},'
      .. '"userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0",'
      .. '"library":{"name":"analytics-python","version":"2.4.0"}}}',
    run, id, sent % 5000, run, id, sent, now, sent % 300, sent % 300, sent % 300
  )
end

function request()
  local batch = {}
  now = os.date("!%Y-%m-%dT%H:%M:%SZ")
  for place = 1, size do batch[place] = event() end
  return wrk.format("POST", "/v1/batch", headers, '{"batch":[' .. table.concat(batch, ",") .. '],"sentAt":"' .. now .. '"}')
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "most": %f, "refused": %d, "broken": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
