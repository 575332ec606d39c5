-- Which Redis server runs this script: its run_id, which no other server has and no restart keeps. Empty where INFO is
-- not allowed or not known. Prepended to values and apply.
local function this_server()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and info:match('run_id:(%w+)') or ''
end

