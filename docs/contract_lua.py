"""scaler/registry/scripts/contract.lua: what the scripts share with the Python of the scaler."""

from collections.abc import Sequence
from pathlib import Path

import scaler.registry
from scaler.model.ending import BY_REASON, BY_STEP
from scaler.model.plan import Why
from scaler.model.row import LEAVING, TOUCHED_BY, Status
from scaler.registry.batch import LEAVING_TTL, SESSION_TTL
from scaler.registry.notes_json import MAX_NOTES
from scaler.registry.record_json import KNOWN, MAX_BYTES, MAX_DEPTH, MAX_SESSION_BYTES, OUR_SHARE
from scaler.registry.waits_json import LONGEST_TOLD

CONTRACT_LUA = Path(scaler.registry.__file__).parent / "scripts" / "contract.lua"

_TEXT = """\
-- Written by docs/generate.py from the scaler's Python: do not edit. Prepended to reserve, release, cancel and look.

-- Bytes of a record, of notes and of a session id; how deep a value may be nested.
local LONGEST_RECORD, LONGEST_NOTES, LONGEST_SESSION, MAX_DEPTH = {record}, {notes}, {session}, {depth}
-- Seconds that a session's pointer to its machine lives, and the values of a machine that is leaving.
local SESSION_TTL, LEAVING_TTL = {session_ttl}, {leaving_ttl}
local {status_names} = {statuses}
-- The members of a record, in the order in which they are written.
local ORDER = {{
{order}
}}
-- Under which name a member is written that was found in lower case or as here; a status likewise.
local KNOWN = {{
{known}
}}
local STATUS = {{{status_of}}}
-- Each of these notes says that a machine may have been used; each of the others, that it is leaving.
local TOUCHED_BY, LEAVING = {{{touched}}}, {{{leaving}}}
-- Seconds of a wait, or of a session, that are told at most.
local LONGEST_TOLD = {told}
-- Why a session is over, by the step that ended it and by the reason in the notes; and the reason of an operator.
local BY_HAND = {by_hand}
local function endings()
  return {{
{endings}
  }}
end
"""


def contract_lua() -> str:
    """The file."""
    return _TEXT.format(
        record=MAX_BYTES + OUR_SHARE,
        notes=MAX_NOTES,
        session=MAX_SESSION_BYTES,
        depth=MAX_DEPTH,
        session_ttl=SESSION_TTL,
        leaving_ttl=LEAVING_TTL,
        status_names=", ".join(status.name for status in Status),
        statuses=_quoted(tuple(Status)),
        order="\n".join(f"  {_quoted(KNOWN[at : at + 5])}," for at in range(0, len(KNOWN), 5)),
        known="\n".join(f"  {_spellings(KNOWN[at : at + 2])}," for at in range(0, len(KNOWN), 2)),
        status_of=", ".join(f"{status.lower()} = {status.name}" for status in Status),
        touched=_quoted(TOUCHED_BY),
        leaving=_quoted(LEAVING),
        told=LONGEST_TOLD,
        by_hand=f"'{Why.ENDED_BY_HAND}'",
        endings="\n".join(f"    ['{what}'] = '{ending}'," for what, ending in (*BY_STEP.items(), *BY_REASON.items())),
    )


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _spellings(names: Sequence[str]) -> str:
    return ", ".join(f"{each} = '{name}'" for name in names for each in dict.fromkeys((name, name.lower())))
