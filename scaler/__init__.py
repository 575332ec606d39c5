"""The scaler: all deployed code, in the order in which a tick flows through the packages.

cli          for operators: looks, plans, adopts, pauses; an extra, imported by no package below
runtime      the composition root: settings -> doors -> tick
watch        ticks of a timer until the next timer; the starter's ticks, side by side
tick         read Redis -> observe Azure -> join -> decide -> actuate, at a single `now`
controllers  the verbs: provisioner, reconciler, starter, cleaner; pure functions from a fleet to a plan
actuate      the changes of a plan to the registry, then the orders to Azure; a failure is an outcome, not an end
registry     the door to Redis;  vmss  the door to Azure;  ports  the interfaces of both doors
model        the nouns: instance, record, notes, the lifecycle table, sighting, fleet, plan, policy
settings     the environment -> Settings;  telemetry  a plan and its outcomes -> log lines
clouds       addresses of Azure's clouds;  startup  how a worker imports the app
"""
