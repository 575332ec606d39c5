-- A batch of compare-and-sets: record, notes and index of each machine together, or not at all. Returns 1 or 0 for each
-- that stands alone, and one answer for two that are written together. All are compared first, in one reading; then all
-- that hold are written. No machine is in a batch twice.
-- KEYS: the sets available, reserved, unavailable; then record and notes of each machine; then session keys.
-- ARGV: ttl of session keys, until when this batch may be written (seconds since 1970, empty: whenever; afterwards
-- nothing is written, and every answer is 0), the server that the values before were read from (empty: unknown; on
-- another one nothing is written, and every answer is 0), the seconds of the lifetimes 'u' and 'l', the ids of the
-- others of a take beside others, between spaces; then five for each machine: record before, notes before, record, notes,
-- and how, in one letter each:
--   record before, notes before   '-' absent, '=' these bytes, '<' these are the first of too many, '!' no string
--   record, notes                 '~' keep, '-' delete, '=' these bytes
--   record lives, notes live      '~' as long as before or as SET makes them, '0' for ever, 'u' unrecorded, 'l' leaving
--   index                         '~' keep, '-' out of all, or the number of the set
--   takes                         '1': only if the key is in `available` now, out of which it goes
--                                 'b': the same, and only beside others: while all of these are in `available`, too
--                                 '+': only if it is there, '-': only if it is not, '0': either
--   session                       '1': the next session key shall name this machine
--   joined                        '1': only together with the next one, which then has no answer of its own
local SESSION_TTL, GOOD_UNTIL, READ_FROM = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local SECONDS = {u = ARGV[4], l = ARGV[5]}
local OTHERS = ARGV[6]
local AHEAD, EACH = 6, 5
local COUNT = (#ARGV - AHEAD) / EACH
local VM_ID = #KEYS[1] - #'status:available' + #'instance:' + 1 -- where it begins in a record's key

-- A key of the index may hold something else than a set: then no machine comes into it, and everything else goes on.
local IS_SET = {}
for number = 1, 3 do
  local kind = redis.call('TYPE', KEYS[number]).ok
  IS_SET[number] = kind == 'set' or kind == 'none'
end

local HOW = '^(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)$'
local known = {}
local function how_of(letters)
  local how = known[letters]
  if not how then
    how = {}
    how.record_before, how.notes_before, how.record, how.notes, how.record_lives, how.notes_live, how.index, how.takes,
      how.session, how.joined = letters:match(HOW)
    how.index = tonumber(how.index) or how.index
    known[letters] = how
  end
  return how
end

local machines, asked, sessions = {}, {}, 3 + 2 * COUNT
for number = 1, COUNT do
  local at, record, notes = AHEAD + EACH * (number - 1), 2 * number + 2, 2 * number + 3
  local how = how_of(ARGV[at + EACH])
  machines[number] = {at = at, how = how, key = KEYS[record], notes_key = KEYS[notes]}
  if how.session == '1' then
    sessions = sessions + 1
    machines[number].session_key = KEYS[sessions]
  end
  -- What is compared in another way is not read whole: in its place stands a key that says nothing.
  local whole_record = how.record_before == '=' or how.record_before == '-'
  local whole_notes = how.notes_before == '=' or how.notes_before == '-'
  asked[record - 3], asked[notes - 3] = KEYS[whole_record and record or 1], KEYS[whole_notes and notes or 1]
end
local values = COUNT > 0 and redis.call('MGET', unpack(asked)) or {}

local function is(key, form, expected, value)
  if form == '=' then return value == expected end
  if form == '-' then return not value and redis.call('EXISTS', key) == 0 end
  if form == '<' then return redis.pcall('GETRANGE', key, 0, #expected - 1) == expected end
  local kind = redis.call('TYPE', key).ok
  return kind ~= 'string' and kind ~= 'none'
end

local function is_offered(it)
  return IS_SET[1] and redis.call('SISMEMBER', KEYS[1], it.key) == 1
end

local function takes_key(it)
  return it.how.takes == '1' or it.how.takes == 'b'
end

local function are_beside()
  for id in OTHERS:gmatch('%S+') do
    if not is_offered({key = machines[1].key:sub(1, VM_ID - 1) .. id}) then return false end
  end
  return true
end

-- Whether nothing stands against it: the values are what they were, and its key can be taken and placed.
local function holds(number)
  local it = machines[number]
  local how, at = it.how, it.at
  if not is(it.key, how.record_before, ARGV[at + 1], values[2 * number - 1]) then return false end
  if not is(it.notes_key, how.notes_before, ARGV[at + 2], values[2 * number]) then return false end
  if how.takes ~= '0' and is_offered(it) == (how.takes == '-') then return false end
  if how.takes == 'b' and not are_beside() then return false end
  return IS_SET[how.index] ~= false
end

local function is_too_late()
  local time = redis.call('TIME')
  return GOOD_UNTIL and time[1] + time[2] / 1000000 > GOOD_UNTIL
end

-- A failover brings old values back: what was read before it may be there again, and prove nothing.
local function is_another_server()
  return READ_FROM ~= '' and READ_FROM ~= this_server()
end

local function accepted_and_answers()
  local accepted, answers, number, in_vain = {}, {}, 1, is_too_late() or is_another_server()
  while number <= COUNT do
    local is_joined = machines[number].how.joined == '1'
    local holding = not in_vain and holds(number) and (not is_joined or holds(number + 1))
    if holding then
      accepted[#accepted + 1] = machines[number]
      if is_joined then accepted[#accepted + 1] = machines[number + 1] end
    end
    answers[#answers + 1] = holding and 1 or 0
    number = number + (is_joined and 2 or 1)
  end
  return accepted, answers
end

-- All values in one command: a Redis that is out of memory refuses it, and then nothing has happened.
local function put_values(accepted)
  local texts, count = {}, 0
  for _, it in ipairs(accepted) do
    if it.how.record == '=' then texts[count + 1], texts[count + 2], count = it.key, ARGV[it.at + 3], count + 2 end
    if it.how.notes == '=' then texts[count + 1], texts[count + 2], count = it.notes_key, ARGV[it.at + 4], count + 2 end
  end
  if count > 0 then redis.call('MSET', unpack(texts)) end
end

local function let_live(key, value, lives)
  if value == '-' then return redis.call('DEL', key) end
  if lives == '0' then return redis.call('PERSIST', key) end
  if lives ~= '~' then redis.call('EXPIRE', key, SECONDS[lives]) end
end

-- Which keys leave and which enter each set: one command for all.
local function place(accepted)
  local leaving, entering = {{}, {}, {}}, {{}, {}, {}}
  for _, it in ipairs(accepted) do
    local index, takes = it.how.index, takes_key(it)
    for number = 1, 3 do
      local there = index == number and entering[number]
      local from = not there and (index ~= '~' or takes and number == 1) and leaving[number]
      local list = there or from
      if list then list[#list + 1] = it.key end
    end
  end
  for number = 1, 3 do
    if IS_SET[number] and #leaving[number] > 0 then redis.call('SREM', KEYS[number], unpack(leaving[number])) end
    if #entering[number] > 0 then redis.call('SADD', KEYS[number], unpack(entering[number])) end
  end
end

-- The record as it is now.
local function record_of(it)
  local how = it.how
  local text = how.record == '=' and ARGV[it.at + 3] or how.record == '~' and how.record_before == '=' and ARGV[it.at + 1]
  local done, record = pcall(cjson.decode, text)
  return done and type(record) == 'table' and record or {}
end

-- What is in `available` is offered, by its record as it is now; what has left it no longer.
local function offer_and_withdraw(accepted)
  local offers, withdrawn = KEYS[1]:gsub('available$', 'offers'), {}
  for _, it in ipairs(accepted) do
    local placed = it.how.index ~= '~' or takes_key(it)
    if it.how.index == 1 or not placed and it.how.record ~= '~' and is_offered(it) then
      offer(offers, it.key, record_of(it))
    elseif placed then
      withdrawn[#withdrawn + 1] = it.key
    end
  end
  if #withdrawn > 0 then withdraw(offers, unpack(withdrawn)) end
end

local accepted, answers = accepted_and_answers()
put_values(accepted)
for _, it in ipairs(accepted) do
  let_live(it.key, it.how.record, it.how.record_lives)
  let_live(it.notes_key, it.how.notes, it.how.notes_live)
  if it.session_key then redis.call('SET', it.session_key, it.key:sub(VM_ID), 'EX', SESSION_TTL) end
end
place(accepted)
offer_and_withdraw(accepted)
return answers
