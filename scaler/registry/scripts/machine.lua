-- One machine's record, notes and place in the index, for one session. Prepended to reserve, release, cancel and look.
-- KEYS: the session's key, then the sets available, reserved, unavailable. ARGV[1]: the session id.

local INDEX = {[AVAILABLE] = KEYS[2], [RESERVED] = KEYS[3], [UNAVAILABLE] = KEYS[4]}
local PREFIX = KEYS[2]:sub(-17) == ':status:available' and KEYS[2]:sub(1, -18) or nil
local OFFERS = (PREFIX or '') .. ':status:offers'
local SESSION = ARGV[1]

local NO_SESSION_ID = 'ERR a session id is 1 to ' .. LONGEST_SESSION .. ' bytes of UTF-8 without control characters'

local function is_bad_argument()
  local session = SESSION or ''
  return not PREFIX or #session == 0 or #session > LONGEST_SESSION or session:find('[%z\1-\31\127]') or not is_utf8(session)
end

local function record_key(vm_id) return PREFIX .. ':instance:' .. vm_id end
local function notes_key(vm_id) return PREFIX .. ':notes:' .. vm_id end

local function vm_id_of(member)
  local head = PREFIX .. ':instance:'
  local vm_id = member:sub(1, #head) == head and member:sub(#head + 1) or ''
  return #vm_id <= 64 and vm_id:match('^[0-9a-z-]+$') or nil
end

local function text_at(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value or nil
end

-- A number of seconds in what the scaler publishes for the site (scaler/registry/waits_json.py), behind this text; nil
-- where nothing is published, or the user may not read it.
local function published(behind)
  local found = tonumber((text_at(PREFIX .. ':waits') or ''):match(behind .. '(%d+%.?%d*)[,}]'))
  return found and found <= LONGEST_TOLD and found or nil
end

-- Of several spellings of a known name ours counts, else the first in byte order.
local function is_better(name, than, canonical)
  if than == nil or name == canonical then return true end
  return than ~= canonical and name <= than
end

local function is_text(value)
  return value == nil or (type(value) == 'string' and not value:find('%z'))
end

-- What counts of the record, by our names; nil where the value is none (or another machine's). And the object as cjson
-- understands it, if no known name is spelled otherwise.
local function record_of(text, vm_id)
  if not text or #text > LONGEST_RECORD then return nil end
  local found, spelled, used = {}, {}, false
  local values, is_odd = decoded(text) or {}, false
  for name, value in pairs(values) do
    local canonical = KNOWN[name] or KNOWN[name:lower()]
    is_odd = is_odd or (canonical or name) ~= name
    if canonical == 'used' then
      if type(value) ~= 'boolean' and value ~= NULL then return nil end
      used = used or value == true
    elseif canonical and (canonical == name or values[canonical] == nil and is_better(name, spelled[canonical])) then
      if canonical ~= name then spelled[canonical] = name end
      if value == NULL or value == '' then value = nil end -- but false is a wrong type
      found[canonical] = value
    end
  end
  found.used = used
  if not (is_text(found.vmId) and is_text(found.instanceId) and is_text(found.sessionId)) then return nil end
  if found.vmId and found.vmId:lower() ~= vm_id then return nil end
  if #(found.sessionId or '') > LONGEST_SESSION then return nil end
  found.sessionId = found.sessionId or vm_id -- a session without an id has its machine's name
  found.status = type(found.status) == 'string' and STATUS[found.status:lower()] or nil
  if not found.status then return nil end
  return found, not is_odd and values or nil
end

local function edited_in_place(machine, changes)
  local values = machine.values
  local edit = values and values.vmId and values.instanceId and spliced(machine.text, values, ORDER, changes)
  return edit and #edit <= LONGEST_RECORD and edit or nil
end

-- The record's text with these raw values (status and used among them); false drops one. Every other member is kept,
-- unknown ones to the byte. Nil if that cannot be done, or nobody could read it afterwards.
local function edited(machine, changes)
  local edit = edited_in_place(machine, changes)
  if edit then return edit end
  local list = members(machine.text)
  if not list then return nil end
  local known, spelled, extra = {}, {}, {}
  for _, member in ipairs(list) do
    local canonical = KNOWN[member.name] or KNOWN[member.name:lower()]
    if not canonical then
      extra[#extra + 1] = member
    elseif is_better(member.name, spelled[canonical], canonical) then
      spelled[canonical], known[canonical] = member.name, member.raw
    end
  end
  known.vmId, known.instanceId, known.warm = cjson.encode(machine.vm_id), known.instanceId or '""', known.warm or 'false'
  local parts = {}
  for _, name in ipairs(ORDER) do
    local raw = known[name]
    if changes[name] ~= nil then raw = changes[name] end
    if raw and raw ~= 'null' then parts[#parts + 1] = '"' .. name .. '":' .. raw end
  end
  for _, member in ipairs(extra) do parts[#parts + 1] = member.quoted .. ':' .. member.raw end
  edit = '{' .. table.concat(parts, ',') .. '}'
  return #edit <= LONGEST_RECORD and edit or nil
end

local function has(notes, name)
  return notes[name] ~= nil and notes[name] ~= NULL
end

-- The notes; nil where they are lost, or not ours to read.
local function notes_of(text)
  local notes = decoded(text)
  if not notes or (notes.v or 1) ~= 1 then return nil end
  for _, name in ipairs({'scale_set', 'unique_id', 'instance_id'}) do
    if type(notes[name]) ~= 'string' then return nil end
  end
  for _, name in ipairs({'ended', 'opened', 'spent'}) do
    if has(notes, name) and type(notes[name]) ~= 'table' then return nil end
  end
  return notes
end

local function how_it_ended(notes)
  local how = has(notes, 'ended') and notes.ended[SESSION]
  return how ~= NULL and how or nil
end

-- Handed over by the reconciler, and nobody was ever let near it.
local function is_fresh(notes)
  for _, name in ipairs(TOUCHED_BY) do
    if has(notes, name) then return false end
  end
  return has(notes, 'admitted_at')
end

local function is_opened_for_session(notes)
  return has(notes, 'opened') and notes.opened.session == SESSION
end

local function load(vm_id)
  local text, noted = text_at(record_key(vm_id)), text_at(notes_key(vm_id))
  local record, values = record_of(text, vm_id)
  return {vm_id = vm_id, text = text, record = record, values = values, noted = noted, notes = notes_of(noted)}
end

local function machine_at(text)
  local vm_id = vm_id_of(record_key(text:lower()))
  local machine = vm_id and load(vm_id)
  if not machine then return nil end
  if not members(machine.text) then machine.record = nil end
  if not members(machine.noted) then machine.notes = nil end
  return machine
end

-- The machine that this one's session went on with; nil if it was not moved, or nobody knows any more where to.
local function moved_to(machine)
  if not machine.notes or how_it_ended(machine.notes) ~= 'move' then return nil end
  local to = machine.record and machine.record.movedTo or text_at(KEYS[1])
  local following = type(to) == 'string' and to ~= machine.vm_id and machine_at(to) or nil
  return following and (following.text or following.noted) and following or nil
end

local function is_strange(machine)
  local notes = machine.notes or {}
  local names = machine.record and machine.record.sessionId == SESSION
  return not (names or how_it_ended(notes) or is_opened_for_session(notes))
end

-- The machine that the session was given last, where the one that the caller names knows nothing of the session: it was
-- swapped for another one before any start, and keeps no trace.
local function swapped_for(named)
  local last = machine_at(text_at(KEYS[1]) or '')
  return last and last.record and last.record.sessionId == SESSION and last or named
end

-- The machine that the caller names, else the one that the session was given last; nil if there is none. A session
-- that was moved is on the last of its machines.
local MOST_MOVES = 20
local function machine_of_session(named)
  local machine = machine_at(named and named ~= '' and named or text_at(KEYS[1]) or '')
  if machine and named and named ~= '' and is_strange(machine) then machine = swapped_for(machine) end
  for _ = 1, MOST_MOVES do
    local following = machine and moved_to(machine)
    if not following then break end
    machine = following
  end
  return machine
end

-- A key of the index may hold something else than a set. The values are written by then, and the scaler repairs the rest.
local function move_to(status, machine)
  local member = record_key(machine.vm_id)
  for each, key in pairs(INDEX) do
    if each ~= status then redis.pcall('SREM', key, member) end
  end
  redis.pcall('SADD', INDEX[status], member)
  if status == AVAILABLE then offer(OFFERS, member, machine.record) else withdraw(OFFERS, member) end
end

-- Should the machine be gone, nothing else leads to a key that is in no set: whoever asks for its session puts it back.
local function put_back(machine)
  local record = machine.record
  if not record or record.sessionId ~= SESSION or record.status == AVAILABLE then return end
  if redis.pcall('SADD', INDEX[record.status], record_key(machine.vm_id)) == 1 then
    move_to(record.status, machine)
  end
end

-- Record and notes, unless these are too long: then false. They live LEAVING_TTL seconds if the notes say that the
-- machine is being deleted, or was missed.
local function save(machine, record, noted)
  if #noted > LONGEST_NOTES then return false end
  local lives = {}
  for _, name in ipairs(LEAVING) do
    if has(machine.notes, name) then lives = {'EX', LEAVING_TTL} end
  end
  redis.call('SET', record_key(machine.vm_id), record, unpack(lives))
  redis.call('SET', notes_key(machine.vm_id), noted, unpack(lives))
  return true
end

-- Ends the session on its machine, which is then used for ever. False if its values cannot be edited.
-- ARGV[3]: 'operator' where an operator ends it.
local function spend(machine, how)
  local now, why = now_json(), cjson.encode(how)
  local reason = ARGV[3] == 'operator' and ',"reason":' .. cjson.encode(BY_HAND) or ''
  local notes = members(machine.noted)
  local used = {status = cjson.encode(UNAVAILABLE), used = 'true', updatedAt = now, expectedReadyAt = false, hotSince = false}
  local after = edited(machine, used)
  if not notes or not after then return false end
  local ended = {}
  for _, member in ipairs(notes) do
    if member.name == 'ended' and member.raw ~= 'null' then ended = members(member.raw) end
  end
  if not ended then return false end
  notes = with(notes, 'ended', object(with(ended, SESSION, why)))
  if not has(machine.notes, 'spent') then
    notes = with(notes, 'spent', '{"why":' .. why .. ',"at":' .. now .. reason .. '}')
  end
  if not save(machine, after, object(notes)) then return false end
  move_to(UNAVAILABLE, machine)
  return true
end

-- The machine of a session that is to end, or the word why there is nothing to end.
local function to_be_ended(named)
  local machine = machine_of_session(named)
  if not machine or not machine.notes or not machine.record then return nil, 'unknown' end
  local record, notes = machine.record, machine.notes
  if how_it_ended(notes) then return nil, 'ended' end
  if record.sessionId ~= SESSION then return nil, 'unknown' end
  if has(notes, 'opened') and not is_opened_for_session(notes) then return nil, 'unknown' end
  return machine
end

local function release(machine)
  local notes = machine.notes
  if machine.record.status ~= UNAVAILABLE then return 'unknown' end
  if has(notes, 'spent') then return 'ended' end
  if not has(notes, 'opened') and not has(notes, 'presumed_at') then return 'unknown' end
  return spend(machine, 'release') and 'released' or 'unknown'
end
