-- wrk's script: `-- FILE` holds whole requests, each after a line with its length in bytes; they are sent in turn.
-- The summary is one line of JSON, latencies in microseconds.
local requests = {}
local turn = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local length = file:read("*n")
  while length do
    assert(file:read(1) == "\n")
    requests[#requests + 1] = assert(file:read(length))
    length = file:read("*n")
  end
  file:close()
  assert(#requests > 0)
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"durationUs":%d,"failed":%d,"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
