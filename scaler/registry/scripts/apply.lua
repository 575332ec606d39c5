-- A batch of compare-and-sets: record, notes and index of each machine together, or not at all. Returns 1 or 0 for each.
-- KEYS: the sets available, reserved, unavailable; then record and notes of each machine; then session keys.
-- ARGV: ttl of notes without a record, ttl of session keys; then seven for each machine:
--   record before, notes before   '-' absent, '=' and the bytes, '<' and the first of too many bytes, '!' no string
--   record, notes                 '~' keep, '-' delete, '=' and the bytes
--   index                         '~' keep, '-' out of all, or the number of the set
--   takes                         '1': only if the key is in `available` now, out of which it goes
--   session                       '0', or which of KEYS shall name this machine
local NOTES_TTL, SESSION_TTL = ARGV[1], ARGV[2]

-- A key of the index may hold something else than a set: then no machine comes into it, and everything else goes on.
local IS_SET = {}
for number = 1, 3 do
  local kind = redis.call('TYPE', KEYS[number]).ok
  IS_SET[number] = kind == 'set' or kind == 'none'
end

local function is(key, expected)
  local form = expected:sub(1, 1)
  if form == '!' then
    local kind = redis.call('TYPE', key).ok
    return kind ~= 'string' and kind ~= 'none'
  end
  if form == '<' then return redis.pcall('GETRANGE', key, 0, #expected - 2) == expected:sub(2) end
  local value = redis.pcall('GET', key)
  if form == '-' then return value == false end
  return value == expected:sub(2)
end

-- Whether a value is there afterwards.
local function put(key, wanted, before)
  if wanted == '~' then return before ~= '-' end
  if wanted == '-' then
    redis.call('DEL', key)
    return false
  end
  redis.call('SET', key, wanted:sub(2))
  return true
end

local function place(member, index)
  for number = 1, 3 do
    if tostring(number) ~= index and IS_SET[number] then redis.call('SREM', KEYS[number], member) end
  end
  if index ~= '-' then redis.call('SADD', KEYS[tonumber(index)], member) end
end

local function apply(record_key, notes_key, first)
  local record_before, notes_before, record, notes, index, takes, session = unpack(ARGV, first, first + 6)
  if not is(record_key, record_before) or not is(notes_key, notes_before) then return 0 end
  if takes == '1' and not (IS_SET[1] and redis.call('SISMEMBER', KEYS[1], record_key) == 1) then return 0 end
  if IS_SET[tonumber(index)] == false then return 0 end
  -- Values first: a Redis that is out of memory refuses them, and then nothing has happened.
  local has_record = put(record_key, record, record_before)
  if put(notes_key, notes, notes_before) then
    if has_record then redis.call('PERSIST', notes_key) else redis.call('EXPIRE', notes_key, NOTES_TTL) end
  end
  if session ~= '0' then redis.call('SET', KEYS[tonumber(session)], record_key:match('[^:]+$'), 'EX', SESSION_TTL) end
  if takes == '1' then redis.call('SREM', KEYS[1], record_key) end
  if index ~= '~' then place(record_key, index) end
  return 1
end

local answers = {}
for number = 1, (#ARGV - 2) / 7 do
  answers[number] = apply(KEYS[2 * number + 2], KEYS[2 * number + 3], 7 * number - 4)
end
return answers
