-- RESERVE: the session's machine, the same one however often it is asked. Returns {vmId, record}, or nil for none free.
-- KEYS: session, available, reserved, unavailable. ARGV: session id, client ip (may be empty).
if is_bad_argument() then return redis.error_reply('ERR session id: 1 to 512 bytes of UTF-8, no control characters') end

local EXAMINED = 500 -- above that a random choice of so many, so that a caller waits a few milliseconds at most

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

local function candidates()
  local keys, found = {}, {}
  for _, member in ipairs(redis.call('SRANDMEMBER', INDEX[AVAILABLE], EXAMINED)) do
    if vm_id_of(member) then keys[#keys + 1] = member end
  end
  local texts = #keys > 0 and redis.call('MGET', unpack(keys)) or {}
  for number, key in ipairs(keys) do
    found[#found + 1] = says_available(vm_id_of(key), texts[number])
  end
  return found
end

-- Warm before cold, then the oldest, so that none grows stale.
local function is_preferred(a, b)
  if a.warm ~= b.warm then return a.warm end
  if a.created ~= b.created then return a.created < b.created end
  return a.vm_id < b.vm_id
end

-- The notes beat the record. They are read for the best candidates only, until one may be offered.
local function may_be_offered(machine)
  local text = text_at(notes_key(machine.vm_id))
  local notes = notes_of(text)
  return notes and is_fresh(notes) and not how_it_ended(notes) and members(text)
end

local function reserve(machine)
  local client = ARGV[2] and ARGV[2] ~= '' and is_utf8(ARGV[2]) and cjson.encode(ARGV[2]) or false
  local after = edited(machine.text, machine.vm_id, {
    status = '"Reserved"', used = 'false', sessionId = cjson.encode(SESSION), clientIp = client, updatedAt = now_json(),
  })
  if not after then return nil end
  redis.call('SET', record_key(machine.vm_id), after)
  redis.call('SET', KEYS[1], machine.vm_id, 'EX', SESSION_TTL)
  move_to(RESERVED, machine.vm_id) -- out of `available`: the lock against everybody else
  return {machine.vm_id, after}
end

local own = machine_of_session()
if own and is_still_theirs(own) then return {own.vm_id, own.text} end
local found = candidates()
table.sort(found, is_preferred)
for _, machine in ipairs(found) do
  local reserved = may_be_offered(machine) and reserve(machine)
  if reserved then return reserved end
end
return nil
