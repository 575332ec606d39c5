-- RESERVE: the session's machine, the same one however often it is asked. Returns {vmId, record}, or nil for none free.
-- KEYS: session, available, reserved, unavailable. ARGV: session id, client ip (may be empty).
if is_bad_argument() then return redis.error_reply(NO_SESSION_ID) end

-- So many offers are looked at, the best at first: one whose machine cannot be had is withdrawn. Where none is left, a
-- random choice of `available` is examined and offered (so offers that were lost come back), and if none of them can be
-- had, because somebody fills the set with what is none of ours, a larger one. A caller waits a few milliseconds at most.
local BEST, NEXT, EXAMINED, AT_WORST = 1, 200, 500, 5000

local function is_still_theirs(machine)
  local record, notes = machine.record, machine.notes or {}
  if not record or record.used or has(notes, 'spent') or how_it_ended(notes) then return false end
  return record.status ~= AVAILABLE and record.sessionId == SESSION
end

local function says_available(key, text)
  local vm_id = vm_id_of(key)
  if not vm_id then return nil end
  local record, values = record_of(text or nil, vm_id)
  if not record or record.status ~= AVAILABLE or record.used then return nil end
  return {vm_id = vm_id, text = text, record = record, values = values}
end

local function with_reservation(machine, reservation)
  local quick = spliced(machine.noted, machine.notes, {'reserved'}, {reserved = reservation})
  local list = not quick and members(machine.noted)
  return quick or list and object(with(list, 'reserved', reservation))
end

-- The notes say since when it waits, and that it asks by session: that it can be moved to another machine.
local function reserve(machine)
  local session, now, seconds, micros = cjson.encode(SESSION), now_json()
  local wait = published('"' .. tier_of(machine.record) .. '":{"expected":')
  local noted = with_reservation(machine, '{"session":' .. session .. ',"at":' .. now .. ',"movable":true}')
  local client = ARGV[2] and ARGV[2] ~= '' and is_utf8(ARGV[2]) and cjson.encode(ARGV[2]) or false
  local after = edited(machine, {
    status = cjson.encode(RESERVED), used = 'false', sessionId = session, clientIp = client, updatedAt = now,
    movedTo = false, movedFrom = false, moveReason = false,
    expectedReadyAt = wait and time_json(seconds + math.ceil(wait), micros) or false,
  })
  if not after or not noted or not save(machine, after, noted) then return nil end
  redis.call('SET', KEYS[1], machine.vm_id, 'EX', SESSION_TTL)
  move_to(RESERVED, machine) -- out of `available`: the lock against everybody else
  return {machine.vm_id, after}
end

-- The notes beat the record.
local function take(machine)
  machine.noted = text_at(notes_key(machine.vm_id))
  machine.notes = notes_of(machine.noted)
  local may_be_offered = machine.notes and is_fresh(machine.notes) and not how_it_ended(machine.notes)
  return may_be_offered and reserve(machine) or nil
end

local function take_best()
  for _, most in ipairs({BEST, NEXT}) do
    local keys = redis.pcall('ZRANGE', OFFERS, 0, most - 1)
    for _, key in ipairs(keys) do
      local free = redis.pcall('SISMEMBER', INDEX[AVAILABLE], key) == 1 and says_available(key, text_at(key))
      local reserved = free and take(free)
      if reserved then return reserved end
      withdraw(OFFERS, key)
    end
    if #keys < most then return nil end
  end
end

-- The best of these members of `available`; what is worse than that is offered to those who come next. A member that is
-- no record's key is not read: the user may have no right to it, and all would fail.
local function take_one_of(listed)
  local keys, found = {}, {}
  for _, member in ipairs(listed) do
    if vm_id_of(member) then keys[#keys + 1] = member end
  end
  local texts = #keys > 0 and redis.call('MGET', unpack(keys)) or {}
  for number, key in ipairs(keys) do
    local machine = says_available(key, texts[number])
    if machine then
      machine.key, machine.score = key, score_of(machine.record)
      found[#found + 1] = machine
    end
  end
  table.sort(found, function(a, b)
    if a.score ~= b.score then return a.score < b.score end
    return a.vm_id < b.vm_id
  end)
  local reserved
  for _, machine in ipairs(found) do
    if reserved then offer(OFFERS, machine.key, machine.record) else reserved = take(machine) end
  end
  return reserved
end

redis.call('SRANDMEMBER', INDEX[RESERVED]) -- an error if it is no set: before anything is written
local own = machine_of_session()
if own and is_still_theirs(own) then
  put_back(own)
  return {own.vm_id, own.text}
end
local reserved = take_best()
for _, most in ipairs({EXAMINED, AT_WORST}) do
  if reserved then return reserved end
  local keys = redis.call('SRANDMEMBER', INDEX[AVAILABLE], most)
  reserved = take_one_of(keys)
  if #keys < most then break end
end
return reserved
