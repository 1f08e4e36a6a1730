-- The closed-loop load: POST the file $BODY with the bearer key $KEY and the headers $HEADERS
-- ("name=value;name=value"); prints one line, RESULT and a JSON object, times in microseconds.
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.body = file:read("*a")
file:close()
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
for name, value in string.gmatch(os.getenv("HEADERS") or "", "([^=;]+)=([^;]+)") do
  wrk.headers[name] = value
end

done = function(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"duration_us":%d,"p50_us":%.1f,"p99_us":%.1f,"errors":%d,"bad":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
