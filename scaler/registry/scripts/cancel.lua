-- CANCEL or ABANDON: the session gave up. Returns cancelled, abandoned, released (it was in), ended (before) or unknown.
-- KEYS: session, available, reserved, unavailable. ARGV: session id, the vmId where the caller knows it,
-- and 'operator' where an operator asks.
if is_bad_argument() then return redis.error_reply(NO_SESSION_ID) end

-- Back to Available, as if it had never been asked for: no start was ordered.
local function cancel(machine)
  local notes = members(machine.noted)
  local after = edited(machine,
    {status = cjson.encode(AVAILABLE), used = 'false', sessionId = false, clientIp = false, updatedAt = now_json(),
      movedFrom = false, moveReason = false, expectedReadyAt = false})
  if not notes or not after then return 'unknown' end
  notes = object(with(with(notes, 'reserved', nil), 'unindexed_at', nil))
  if not save(machine, after, notes) then return 'unknown' end
  redis.call('DEL', KEYS[1])
  move_to(AVAILABLE, machine)
  return 'cancelled'
end

local machine, why_not = to_be_ended(ARGV[2])
if not machine then return why_not end
if machine.record.status ~= RESERVED then return release(machine) end
if is_fresh(machine.notes) and not machine.record.used then return cancel(machine) end
return spend(machine, 'abandon') and 'abandoned' or 'unknown'
