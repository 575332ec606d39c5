-- RESERVE: the session's machine, the same one however often it is asked. Returns {vmId, record}, or nil for none free.
-- KEYS: session, available, reserved, unavailable. ARGV: session id, client ip (may be empty).
if is_bad_argument() then return redis.error_reply(NO_SESSION_ID) end

-- Above that a random choice of so many, so that a caller waits a few milliseconds at most; and if none of them can be
-- had, because somebody fills the set with what is none of ours, a larger one.
local EXAMINED, AT_WORST = 500, 5000

local function is_still_theirs(machine)
  local record, notes = machine.record, machine.notes or {}
  if not record or record.used or has(notes, 'spent') or how_it_ended(notes) then return false end
  return record.status ~= AVAILABLE and record.sessionId == SESSION
end

local function says_available(vm_id, text)
  local record = record_of(text or nil, vm_id)
  if not record or record.status ~= AVAILABLE or record.used then return nil end
  local created = moment(record.createdAt) or math.huge
  return {vm_id = vm_id, text = text, warm = record.warm == true, created = created}
end

local function candidates(members)
  local keys, found = {}, {}
  for _, member in ipairs(members) do
    if vm_id_of(member) then keys[#keys + 1] = member end
  end
  local texts = #keys > 0 and redis.call('MGET', unpack(keys)) or {}
  for number, key in ipairs(keys) do
    found[#found + 1] = says_available(vm_id_of(key), texts[number])
  end
  -- Warm before cold, then the oldest, so that none grows stale.
  table.sort(found, function(a, b)
    if a.warm ~= b.warm then return a.warm end
    if a.created ~= b.created then return a.created < b.created end
    return a.vm_id < b.vm_id
  end)
  return found
end

-- The notes beat the record. They are read for the best candidates only, until one may be offered.
local function may_be_offered(machine)
  local text = text_at(notes_key(machine.vm_id))
  local notes = notes_of(text)
  return notes and is_fresh(notes) and not how_it_ended(notes) and members(text)
end

-- The notes say since when it waits, and that it asks by session: that it can be moved to another machine.
local function reserve(machine, notes)
  local session, now = cjson.encode(SESSION), now_json()
  notes = with(notes, 'reserved', '{"session":' .. session .. ',"at":' .. now .. ',"movable":true}')
  if #object(notes) > LONGEST_NOTES then return nil end
  local client = ARGV[2] and ARGV[2] ~= '' and is_utf8(ARGV[2]) and cjson.encode(ARGV[2]) or false
  local after = edited(machine.text, machine.vm_id, {
    status = cjson.encode(RESERVED), used = 'false', sessionId = session, clientIp = client, updatedAt = now,
    movedTo = false, movedFrom = false, moveReason = false,
  })
  if not after then return nil end
  save(machine, after, notes)
  redis.call('SET', KEYS[1], machine.vm_id, 'EX', SESSION_TTL)
  move_to(RESERVED, machine.vm_id) -- out of `available`: the lock against everybody else
  return {machine.vm_id, after}
end

redis.call('SRANDMEMBER', INDEX[RESERVED]) -- an error if it is no set: before anything is written
local own = machine_of_session()
if own and is_still_theirs(own) then
  put_back(own)
  return {own.vm_id, own.text}
end
for _, most in ipairs({EXAMINED, AT_WORST}) do
  local members = redis.call('SRANDMEMBER', INDEX[AVAILABLE], most)
  for _, machine in ipairs(candidates(members)) do
    local notes = may_be_offered(machine)
    local reserved = notes and reserve(machine, notes)
    if reserved then return reserved end
  end
  if #members < most then break end
end
return nil
