-- Written by docs/generate.py from the scaler's Python: do not edit. Prepended to reserve, release, cancel and look.

-- Bytes of a record, of notes and of a session id; how deep a value may be nested.
local LONGEST_RECORD, LONGEST_NOTES, LONGEST_SESSION, MAX_DEPTH = 69632, 262144, 1024, 128
-- Seconds that a session's pointer to its machine lives, and the values of a machine that is leaving.
local SESSION_TTL, LEAVING_TTL = 86400, 604800
local AVAILABLE, RESERVED, UNAVAILABLE = 'Available', 'Reserved', 'Unavailable'
-- The members of a record, in the order in which they are written.
local ORDER = {
  'vmId', 'instanceId', 'status', 'used', 'warm',
  'region', 'publicIp', 'privateIp', 'sessionId', 'clientIp',
  'createdAt', 'updatedAt', 'movedTo', 'movedFrom', 'moveReason',
  'expectedReadyAt', 'hotSince',
}
-- Under which name a member is written that was found in lower case or as here; a status likewise.
local KNOWN = {
  vmId = 'vmId', vmid = 'vmId', instanceId = 'instanceId', instanceid = 'instanceId',
  status = 'status', used = 'used',
  warm = 'warm', region = 'region',
  publicIp = 'publicIp', publicip = 'publicIp', privateIp = 'privateIp', privateip = 'privateIp',
  sessionId = 'sessionId', sessionid = 'sessionId', clientIp = 'clientIp', clientip = 'clientIp',
  createdAt = 'createdAt', createdat = 'createdAt', updatedAt = 'updatedAt', updatedat = 'updatedAt',
  movedTo = 'movedTo', movedto = 'movedTo', movedFrom = 'movedFrom', movedfrom = 'movedFrom',
  moveReason = 'moveReason', movereason = 'moveReason', expectedReadyAt = 'expectedReadyAt', expectedreadyat = 'expectedReadyAt',
  hotSince = 'hotSince', hotsince = 'hotSince',
}
local STATUS = {available = AVAILABLE, reserved = RESERVED, unavailable = UNAVAILABLE}
-- Each of these notes says that a machine may have been used; each of the others, that it is leaving.
local TOUCHED_BY, LEAVING = {'spent', 'claim', 'start', 'opened', 'presumed_at'}, {'delete', 'missed_at'}
-- Seconds of a wait, or of a session, that are told at most.
local LONGEST_TOLD = 2592000
-- Why a session is over, by the step that ended it and by the reason in the notes; and the reason of an operator.
local BY_HAND = 'ended by an operator'
local function endings()
  return {
    ['release'] = 'released',
    ['abandon'] = 'abandoned',
    ['refuse'] = 'refused',
    ['the session limit is over'] = 'limit',
    ['the limit of a presumed session is over'] = 'limit',
    ['deallocated under its session: evicted by Azure, or by somebody (two witnesses)'] = 'evicted',
    ['stopped under its session (two witnesses)'] = 'stopped',
    ['its machine says that nobody is in, or that no stream is there (two witnesses)'] = 'unhealthy',
    ['ended by an operator'] = 'operator',
  }
end
