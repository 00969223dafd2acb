-- Asks for the lines of the file WRK_PATHS one after the other, and tells at the end what came of it, as JSON.
local paths, at = {}, 0
for line in io.lines(os.getenv("WRK_PATHS")) do
  paths[#paths + 1] = wrk.format("GET", line)
end

function request()
  at = at % #paths + 1
  return paths[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "bytes": %d, "failed": %d, "p50": %f, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
