-- wrk's script: `-- BODY_FILE NAME VALUE ...` gives the body and the headers; the summary is one line of JSON.
-- Latencies are in microseconds.
function init(args)
  wrk.method = "POST"
  local file = assert(io.open(args[1], "rb"))
  wrk.body = file:read("*a")
  file:close()
  for index = 2, #args, 2 do
    local name = args[index]
    -- wrk adds a header of its own unless it finds one of exactly this name.
    if name == "host" then name = "Host" end
    wrk.headers[name] = args[index + 1]
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"durationUs":%d,"failed":%d,"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
