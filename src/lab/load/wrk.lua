-- What wrk runs for the lab (load/wrk.ts starts it, with one thread). The method and body come by environment,
-- what was measured goes out on standard error, one JSON object, and wrk then stays until its standard input
-- ends, because its own CPU can be read only while it lives.

wrk.method = os.getenv('METHOD')
wrk.body = os.getenv('BODY')

function setup()
  io.stderr:write('window opens\n')
end

function done(summary, latency)
  local errors = summary.errors
  local unanswered = errors.connect + errors.read + errors.write + errors.timeout
  io.stderr:write(string.format(
    '{"succeeded":%d,"failed":%d,"durationS":%.6f,"latencyMs":{"p50":%.3f,"p90":%.3f,"p99":%.3f,"max":%.3f}}\n',
    summary.requests - errors.status, errors.status + unanswered, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
  io.read()
end
