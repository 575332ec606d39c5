-- RELEASE: the session that was let in has ended. Returns released, ended (before), reserved (never let in: cancel) or unknown.
-- KEYS: session, available, reserved, unavailable. ARGV: session id, the vmId where the caller knows it,
-- and 'operator' where an operator asks.
if is_bad_argument() then return redis.error_reply(NO_SESSION_ID) end

local machine, why_not = to_be_ended(ARGV[2])
if not machine then return why_not end
if machine.record.status == RESERVED then return 'reserved' end
return release(machine)
