-- Sends the requests of prepared files with wrk. Each thread reads its own file, whose lines are a path, a tab and a body. Environment
-- variables:
--   TOKEN      the bearer token
--   REQUESTS   the files' names without their numbers, such as dir/requests. for dir/requests.00
--   FIRST      the number of the first thread's file, so that two runs of wrk at the same time send different requests
--   REPEAT     when set, a file is read again from its beginning; otherwise a thread stops at the end of its file
--   KEYS       when set, every request has an Idempotency-Key of its own, which begins with this text

local threads = {}

function setup(thread)
    thread:set("part", tonumber(os.getenv("FIRST")) + #threads)
    table.insert(threads, thread)
end

function init()
    wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
    wrk.headers["Content-Type"] = "application/json"
    keys, repeats, count, ran_out = os.getenv("KEYS"), os.getenv("REPEAT"), 0, false
    lines = assert(io.open(string.format("%s%02d", os.getenv("REQUESTS"), part)))
end

function request()
    local line = lines:read("*l")
    if not line and repeats then
        lines:seek("set")
        line = lines:read("*l")
    end
    if not line then
        ran_out = true
        wrk.thread:stop()
        return wrk.format("GET", "/health/live")
    end
    if keys then
        count = count + 1
        wrk.headers["Idempotency-Key"] = keys .. "-" .. part .. "-" .. count
    end
    local path, body = line:match("^(.-)\t(.*)$")
    return wrk.format("POST", path, nil, body)
end

-- requests answered, refused and lost, threads that came to the end of their files, and requests accepted per second
function done(summary)
    local errors, out = summary.errors, 0
    for _, thread in ipairs(threads) do
        if thread:get("ran_out") then out = out + 1 end
    end
    local lost, accepted = errors.connect + errors.read + errors.write + errors.timeout, summary.requests - errors.status
    io.write(string.format("counted %d %d %d %d %.1f\n", summary.requests, errors.status, lost, out, accepted / summary.duration * 1e6))
end
