-- The values of KEYS, so bounded that no value is worth an attack. Writes nothing. For each key: nil if there is none,
-- its bytes, {its first bytes} if it is longer than any value of ours, 0 if it is no string, 1 if there is no room left.
-- After them the server that they were read from.
-- ARGV: bytes of a value that is always read, bytes of the longest, bytes of room for those in between.
local SMALL, LONGEST, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

-- More than SMALL bytes: none of these may crowd out the small ones.
local function large(key, first)
  local length = redis.call('STRLEN', key)
  if length > LONGEST then return {first} end
  room = room - length
  return room < 0 and 1 or redis.call('GET', key)
end

local function value_of(key)
  local first = redis.pcall('GETRANGE', key, 0, SMALL)
  if type(first) == 'table' then
    if redis.call('TYPE', key).ok ~= 'string' then return 0 end
    return redis.call('GETRANGE', key, 0, SMALL) -- whatever else is wrong, the caller should hear of it
  end
  if #first > SMALL then return large(key, first) end
  return (first ~= '' or redis.call('EXISTS', key) == 1) and first
end

local values = {}
for number, key in ipairs(KEYS) do
  values[number] = value_of(key)
end
values[#KEYS + 1] = this_server()
return values
