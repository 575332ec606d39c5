"""The cleaner: ends sessions whose time is over, deletes what is used, retires what is gone.

controller  decide: the order of one pass, and its breakers
sessions    EXPIRE: by its limit, or at rest under its session; the step into "used"
deletes     the acknowledgement of a RELEASE, the delete itself, and RETIRE once the machine is gone
"""

from scaler.controllers.cleaner.controller import decide

__all__ = ["decide"]
