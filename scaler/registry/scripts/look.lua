-- What a polling visitor should hear. Returns {stage, vmId, record, reason}, and what else is known where that is asked for.
-- The stage is reserved, open, refused, ended or unknown; vmId and record are there for the first two.
-- KEYS: session, available, reserved, unavailable. ARGV: session id, the vmId where the caller knows it, and 'more' for a
-- fifth part: a JSON object with phase and expectedReadyAt, endsAt, or endedBecause, as far as each is known.
-- Writes nothing, unless the machine's key is missing where its record says: then it is put back.
if is_bad_argument() then return redis.error_reply(NO_SESSION_ID) end

local function stage(machine)
  local record, notes = machine.record, machine.notes or {}
  local how, spent = how_it_ended(notes), has(notes, 'spent')
  if how == 'refuse' or how == 'expire' then
    local reason, said = spent and notes.spent.reason, spent and notes.spent.said
    reason = type(reason) == 'string' and reason or ''
    if type(said) == 'string' and said ~= '' then reason = reason .. '; it says: ' .. said end
    return how == 'refuse' and 'refused' or 'ended', reason
  end
  if how then return 'ended', '' end
  if is_opened_for_session(notes) then return spent and 'ended' or 'open', '' end
  if not record or record.sessionId ~= SESSION or record.status == AVAILABLE then return 'unknown', '' end
  if record.used or spent then return 'ended', '' end
  return record.status == RESERVED and 'reserved' or 'open', ''
end

local SECOND = 1000000
local function time_of(micros) return time_json(math.floor(micros / SECOND), micros % SECOND) end

local function is_about_session(note, machine)
  return type(note) == 'table' and (note.session == SESSION or note.session == machine.vm_id)
end

local function phase(machine)
  local notes = machine.notes or {}
  if not is_about_session(notes.start, machine) then return 'waiting' end
  local was_hot = notes.start.hot == true -- it was ready when its session came
  if was_hot or is_about_session(notes.opening, machine) or type(notes.start.runs_at) == 'string' then return 'running' end
  return type(notes.start.boots_at) == 'string' and 'booting' or 'starting'
end

-- The time in the record. One that has passed moves on by 10 s, then by 20, by 40, and so on: as `moved_on` in
-- scaler/model/waits.py. What lies farther ahead than a session can wait was written by nobody who knows.
local function expected(machine)
  local time = redis.call('TIME')
  local now, told, by = tonumber(time[1]) * SECOND + tonumber(time[2]), moment(machine.record.expectedReadyAt), 10 * SECOND
  if not told or told > now + LONGEST_TOLD * SECOND then return nil end
  while told <= now do told, by = told + by, 2 * by end
  return time_of(told)
end

local function ends(machine)
  local notes = machine.notes or {}
  local since, limit = is_opened_for_session(notes) and moment(notes.opened.at), published('"limit":')
  return since and limit and limit > 0 and time_of(since + limit * SECOND) or nil
end

-- The reason in the notes is of the session that ended by the same step; a late one was refused for its own.
local function because(machine)
  local notes = machine.notes or {}
  local how, spent, words = how_it_ended(notes), has(notes, 'spent') and notes.spent or {}, endings()
  local word = (how == nil or spent.why == how) and words[spent.reason or ''] or words[how or '']
  return word and cjson.encode(word) or nil
end

local function more(machine, word)
  local parts = {}
  local function add(name, raw) if raw then parts[#parts + 1] = '"' .. name .. '":' .. raw end end
  if word == 'reserved' then
    add('phase', cjson.encode(phase(machine)))
    add('expectedReadyAt', expected(machine))
  elseif word == 'open' then
    add('endsAt', ends(machine))
  elseif word ~= 'unknown' then
    add('endedBecause', because(machine))
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

local machine = machine_of_session(ARGV[2])
local answer = {'unknown', '', '', ''}
if machine then
  put_back(machine)
  local word, reason = stage(machine)
  local is_there = word == 'reserved' or word == 'open'
  answer = {word, is_there and machine.vm_id or '', is_there and machine.record and machine.text or '', reason}
end
if ARGV[3] == 'more' then answer[5] = machine and more(machine, answer[1]) or '{}' end
return answer
