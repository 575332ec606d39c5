"""The scaler: everything that is deployed, in the order in which a tick flows through it.

cli          for operators: looks, plans, adopts, pauses; an extra that nothing below imports
runtime      the one composition root: settings -> doors -> tick
watch        one timer's ticks until the next timer;  starting  the starter's, which starts and opens side by side
tick         read Redis -> observe Azure -> join -> decide -> actuate, with one `now`
controllers  the verbs: provisioner, reconciler, starter, cleaner; pure functions from a fleet to a plan
actuate      a plan's changes to the registry, then its orders to Azure; a failure is an outcome, not an end
registry     the door to Redis;  vmss  the door to Azure;  ports  what the river needs of both
model        the nouns: instance, record, notes, the lifecycle table, sighting, fleet, plan, policy
settings     the environment -> Settings;  telemetry  a plan and its outcomes -> log lines
log_line     one line of the log: a sentence and its facts, both in the message;  clouds  addresses of Azure's clouds
startup      how a worker imports all this
"""
