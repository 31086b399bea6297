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
  io.stderr:write(string.format(
    '{"answered":%d,"refused":%d,"unanswered":%d,"durationUs":%d,' ..
    '"latencyUs":{"p50":%d,"p90":%d,"p95":%d,"p99":%d,"max":%d,"mean":%.1f}}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration, latency:percentile(50), latency:percentile(90), latency:percentile(95),
    latency:percentile(99), latency.max, latency.mean))
  io.read()
end
