-- What the Redis server that runs this script says about itself. Prepended to members, values and apply.
local function told(section, pattern)
  local info = redis.pcall('INFO', section)
  return type(info) == 'string' and info:match(pattern) or ''
end

-- Which server: its run_id, which no other server has and no restart keeps. Empty where INFO is not allowed or not known.
local function this_server()
  return told('server', 'run_id:(%w+)')
end
