"""The cleaner: ends sessions whose time is over, deletes used machines, retires gone ones.

controller  decide: the order of a pass, and the breakers
sessions    EXPIRE: by the limit, or at rest under a session; the step into "used"
deletes     the acknowledgement of a RELEASE, the delete, and RETIRE of a gone machine
"""

from scaler.controllers.cleaner.controller import decide

__all__ = ["decide"]
