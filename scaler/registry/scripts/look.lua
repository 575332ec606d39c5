-- What a polling visitor should hear. Returns {stage, vmId, record, reason}.
-- The stage is reserved, open, refused, ended or unknown; vmId and record are there for the first two.
-- KEYS: session, available, reserved, unavailable. ARGV: session id, and the vmId where the caller knows it.
-- Writes nothing, unless the machine's key is missing where its record says: then it is put back.
if is_bad_argument() then return redis.error_reply(NO_SESSION_ID) end

local function stage(machine)
  local record, notes = machine.record, machine.notes or {}
  local how, spent = how_it_ended(notes), has(notes, 'spent')
  if how == 'refuse' then
    local reason = spent and notes.spent.reason
    return 'refused', type(reason) == 'string' and reason or ''
  end
  if how then return 'ended', '' end
  if is_opened_for_session(notes) then return spent and 'ended' or 'open', '' end
  if not record or record.sessionId ~= SESSION or record.status == AVAILABLE then return 'unknown', '' end
  if record.used or spent then return 'ended', '' end
  return record.status == RESERVED and 'reserved' or 'open', ''
end

local machine = machine_of_session(ARGV[2])
if not machine then return {'unknown', '', '', ''} end
put_back(machine)
local word, reason = stage(machine)
if word ~= 'reserved' and word ~= 'open' then return {word, '', '', reason} end
return {word, machine.vm_id, machine.record and machine.text or '', ''}
