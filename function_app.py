"""Four timers, each of which lets one controller of the scaler keep watch until shortly before its next firing.

Functions are synchronous on purpose: each has a thread of its own, so a slow answer to one does not delay the others.
"""

import logging

from scaler import collector_paused

with collector_paused():
    import azure.functions as func

    from scaler import runtime

app = func.FunctionApp()
logging.getLogger("azure").setLevel(logging.WARNING)  # the SDK tells of every request; host.json cannot say this
logging.getLogger("azure.identity").setLevel(logging.ERROR)  # its warnings quote a broken answer, token and all


@app.timer_trigger(arg_name="timer", schedule="%PROVISIONER_SCHEDULE%", run_on_startup=False)
def provisioner(timer: func.TimerRequest) -> None:
    """Keep as many instances as the capacity policy wants, and put the new ones to rest."""
    runtime.run("provisioner")


@app.timer_trigger(arg_name="timer", schedule="%RECONCILER_SCHEDULE%", run_on_startup=False)
def reconciler(timer: func.TimerRequest) -> None:
    """Make the registry agree with the scale set: offer what is fresh, condemn and forget what is not."""
    runtime.run("reconciler")


@app.timer_trigger(arg_name="timer", schedule="%STARTER_SCHEDULE%", run_on_startup=False)
def starter(timer: func.TimerRequest) -> None:
    """Start the instances that visitors reserved, and open each to its visitor once it runs."""
    runtime.run("starter")


@app.timer_trigger(arg_name="timer", schedule="%CLEANER_SCHEDULE%", run_on_startup=False)
def cleaner(timer: func.TimerRequest) -> None:
    """End sessions that are over their time, delete used instances, and retire the records of those that are gone."""
    runtime.run("cleaner")
