-- Each connection waits between its requests, so that every proxy is offered the same load whatever its speed:
-- 64 connections and 16 ms on average make 4,000 requests a second. Random, or the connections would march in step.
function delay()
    return math.random(8, 24)
end
