-- A batch of compare-and-sets: record, notes and index of each machine together, or not at all. Returns 1 or 0 for each
-- that stands alone, and one answer for two that are written together.
-- KEYS: the sets available, reserved, unavailable; then record and notes of each machine; then session keys.
-- ARGV: ttl of session keys, until when this batch may be written (seconds since 1970, empty: whenever; afterwards
-- nothing is written, and every answer is 0), the server that the values before were read from (empty: unknown; on
-- another one nothing is written, and every answer is 0); then ten for each machine:
--   record before, notes before   '-' absent, '=' and the bytes, '<' and the first of too many bytes, '!' no string
--   record, notes                 '~' keep, '-' delete, '=' and the bytes
--   record lives, notes live      '~' as long as before or as SET makes them, '0' for ever, or so many seconds
--   index                         '~' keep, '-' out of all, or the number of the set
--   takes                         '1': only if the key is in `available` now, out of which it goes
--                                 '+': only if it is there, '-': only if it is not, '0': either
--   session                       '0', or which of KEYS shall name this machine
--   joined                        '1': only together with the next one, which then has no answer of its own
local SESSION_TTL, GOOD_UNTIL, READ_FROM = ARGV[1], tonumber(ARGV[2]), ARGV[3]

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

local function put(key, wanted, lives)
  if wanted == '-' then return redis.call('DEL', key) end
  if wanted ~= '~' then redis.call('SET', key, wanted:sub(2)) end
  if lives == '0' then return redis.call('PERSIST', key) end
  if lives ~= '~' then redis.call('EXPIRE', key, lives) end
end

local function place(member, index)
  for number = 1, 3 do
    if tostring(number) ~= index and IS_SET[number] then redis.call('SREM', KEYS[number], member) end
  end
  if index ~= '-' then redis.call('SADD', KEYS[tonumber(index)], member) end
end

-- What is in `available` is offered, by its record as it is now; what has left it no longer.
local OFFERS = KEYS[1]:gsub('available$', 'offers')
local function offer_or_withdraw(it)
  local placed = it.index ~= '~' or it.takes == '1'
  if not placed and it.record == '~' then return end
  local is_offered = it.index == '1' or not placed and IS_SET[1] and redis.call('SISMEMBER', KEYS[1], it.key) == 1
  if not is_offered then return placed and withdraw(OFFERS, it.key) end
  local done, record = pcall(cjson.decode, redis.pcall('GET', it.key))
  offer(OFFERS, it.key, done and type(record) == 'table' and record or {})
end

local function is_too_late()
  local time = redis.call('TIME')
  return GOOD_UNTIL and time[1] + time[2] / 1000000 > GOOD_UNTIL
end

-- A failover brings old values back: what was read before it may be there again, and prove nothing.
local function is_another_server()
  return READ_FROM ~= '' and READ_FROM ~= this_server()
end

local function machine(number)
  local at = 10 * number - 6
  return {
    key = KEYS[2 * number + 2], before = ARGV[at], record = ARGV[at + 2], record_lives = ARGV[at + 4],
    notes_key = KEYS[2 * number + 3], noted_before = ARGV[at + 1], notes = ARGV[at + 3], notes_live = ARGV[at + 5],
    index = ARGV[at + 6], takes = ARGV[at + 7], session = ARGV[at + 8], joined = ARGV[at + 9] == '1',
  }
end

-- Whether nothing stands against it: the values are what they were, and its key can be taken and placed.
local function holds(it)
  if not is(it.key, it.before) or not is(it.notes_key, it.noted_before) then return false end
  if it.takes ~= '0' then
    local offered = IS_SET[1] and redis.call('SISMEMBER', KEYS[1], it.key) == 1
    if offered == (it.takes == '-') then return false end
  end
  return IS_SET[tonumber(it.index)] ~= false
end

local function carry_out(it)
  -- Values first: a Redis that is out of memory refuses them, and then nothing has happened.
  put(it.key, it.record, it.record_lives)
  put(it.notes_key, it.notes, it.notes_live)
  if it.session ~= '0' then redis.call('SET', KEYS[tonumber(it.session)], it.key:match('[^:]+$'), 'EX', SESSION_TTL) end
  if it.takes == '1' then redis.call('SREM', KEYS[1], it.key) end
  if it.index ~= '~' then place(it.key, it.index) end
  offer_or_withdraw(it)
end

local answers, number, in_vain = {}, 1, is_too_late() or is_another_server()
while number <= (#ARGV - 3) / 10 do
  local it = machine(number)
  local other = it.joined and machine(number + 1) or nil
  local accepted = not in_vain and holds(it) and (not other or holds(other))
  if accepted then
    carry_out(it)
    if other then carry_out(other) end
  end
  answers[#answers + 1] = accepted and 1 or 0
  number = number + (other and 2 or 1)
end
return answers
