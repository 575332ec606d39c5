-- The index as a tick sees it. Returns {seconds, microseconds, pause, the server, bytes that it holds in all, the waits
-- that are published, then the members of each set}. Writes nothing.
-- The pause is nil where there is no such key. In place of a set stands 0 where its key holds something else. Server and
-- bytes are empty where it does not say, and so are waits where none are published.
-- KEYS: pause, then the sets. ARGV: how many members of a set at most, how many bytes of a member, and of the waits.
-- A Redis with a password answers a command of more than ten words without that password by a riddle: these are ten.
local MOST, LONGEST, LONGEST_WAITS = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local function type_of(key)
  return redis.call('TYPE', key).ok
end

local function pause()
  local kind = type_of(KEYS[1])
  if kind == 'none' then return false end
  return kind == 'string' and redis.call('GETRANGE', KEYS[1], 0, LONGEST - 1) or ''
end

-- SRANDMEMBER answers like SMEMBERS, but no more than asked for: a set may hold a million hostile members.
local function members_of(key)
  local kind = type_of(key)
  if kind ~= 'set' then return kind == 'none' and {} or 0 end
  local members = redis.call('SRANDMEMBER', key, MOST)
  for number, member in ipairs(members) do
    if #member > LONGEST then members[number] = member:sub(1, LONGEST) end
  end
  return members
end

-- A value that is longer is none of the scaler's: it is cut, and then says nothing.
local function waits()
  local key = KEYS[1]:gsub('pause$', 'waits')
  return type_of(key) == 'string' and redis.call('GETRANGE', key, 0, LONGEST_WAITS) or ''
end

local time = redis.call('TIME')
local answer = {tonumber(time[1]), tonumber(time[2]), pause(), this_server(), told('memory', 'used_memory:(%d+)'), waits()}
for number = 2, #KEYS do
  answer[number + 5] = members_of(KEYS[number])
end
return answer
