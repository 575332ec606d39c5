"""The cleaner: ends sessions, takes back surplus machines, deletes used machines, retires records of gone machines.

controller  decide: the pass, used machines, RETIRE, and the breakers
sessions    EXPIRE: limits, and machines that came to rest
ending      the step into "used", with the delete
spending    SPEND: surplus machines, and those to be replaced
"""

from scaler.controllers.cleaner.controller import decide

__all__ = ["decide"]
