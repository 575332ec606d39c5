-- The values of KEYS, each bounded: an accident can write a value of 500 MB. Writes nothing. For each key: nil if there
-- is none, its bytes, {its first bytes} if it is longer than any value of ours, 0 if it is no string.
-- After them the server that they were read from.
-- ARGV: bytes of a usual value, bytes of the longest.
local SMALL, LONGEST = tonumber(ARGV[1]), tonumber(ARGV[2])

local function value_of(key)
  local first = redis.pcall('GETRANGE', key, 0, SMALL)
  if type(first) == 'table' then
    if redis.call('TYPE', key).ok ~= 'string' then return 0 end
    return redis.call('GETRANGE', key, 0, SMALL) -- whatever else is wrong, the caller should hear of it
  end
  if #first > SMALL then return redis.call('STRLEN', key) > LONGEST and {first} or redis.call('GET', key) end
  return (first ~= '' or redis.call('EXISTS', key) == 1) and first
end

local values = {}
for number, key in ipairs(KEYS) do
  values[number] = value_of(key)
end
values[#KEYS + 1] = this_server()
return values
