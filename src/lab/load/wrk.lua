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
  local function ms(us) return us / 1000 end
  io.stderr:write(string.format(
    '{"answered":%d,"refused":%d,"unanswered":%d,"durationS":%.3f,' ..
    '"latencyMs":{"p50":%.3f,"p90":%.3f,"p95":%.3f,"p99":%.3f,"max":%.3f,"mean":%.4f}}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, ms(latency:percentile(50)), ms(latency:percentile(90)), ms(latency:percentile(95)),
    ms(latency:percentile(99)), ms(latency.max), ms(latency.mean)))
  io.read()
end
