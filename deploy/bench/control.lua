-- Calls the control API, each time for another person. Arguments: call, API token, prefix of e-mails, file with event ids,
-- and how long each connection waits between its requests, in milliseconds; 0 for no wait.
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
    -- Define this function only for runs that wait.
    if pause > 0 then
        -- Random, so that the connections do not synchronize.
        delay = function() return math.random(math.floor(pause / 2), math.floor(pause * 3 / 2)) end
    end
end

function request()
    number = number + 1
    local event = events[number % #events + 1]
    return wrk.format(nil, "/api/v1/event/" .. event .. "/" .. call, nil, body(prefix .. number))
end
