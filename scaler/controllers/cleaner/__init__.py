"""The cleaner: ends sessions whose time is over, deletes what is used, retires what is gone.

controller  decide: the order of one pass, and its breakers
ending      the step into "used", with the delete that may go with it
sessions    EXPIRE: by its limit, or at rest under its session
deletes     the acknowledgement of a RELEASE, and the delete itself
absence     RETIRE: what was not seen, and is gone for sure
"""

from scaler.controllers.cleaner.controller import decide

__all__ = ["decide"]
