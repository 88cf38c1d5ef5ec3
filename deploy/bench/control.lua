-- Calls of the control API, each of another person. Arguments: call, API token, prefix of e-mails, file with events' ids,
-- and how long each connection waits between its requests, in milliseconds: 0 is as fast as it goes.
local call, token, prefix, pause
local events = {}
local number = 0

local function body(person)
    if call == "embedCode" then
        return '{"userId":"' .. person .. '","userName":"Ada Lovelace","userEmail":"' .. person .. '@example.com"}'
    end
    return '{"name":"Ada Lovelace","email":"' .. person .. '@example.com","metadata":{"seat":' .. number .. '}}'
end

function init(arguments)
    call, token, prefix = arguments[1], arguments[2], arguments[3]
    for line in io.lines(arguments[4]) do events[#events + 1] = line end
    pause = tonumber(arguments[5])
    wrk.method = "POST"
    wrk.headers["Authorization"] = "Bearer " .. token
    wrk.headers["Content-Type"] = "application/json"
    -- Only a script that waits may have this function.
    if pause > 0 then
        -- Random, or the connections would march in step.
        delay = function() return math.random(math.floor(pause / 2), math.floor(pause * 3 / 2)) end
    end
end

function request()
    number = number + 1
    local event = events[number % #events + 1]
    return wrk.format(nil, "/api/v1/event/" .. event .. "/" .. call, nil, body(prefix .. number))
end
