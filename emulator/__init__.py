"""Never deployed: our Azure and our Redis. Scale sets that behave, on any clock; their wire; the functions host.

scale_set   the behaviour, for its callers; and its truth, and accidents by order
behaviour   how Azure behaves: latencies, faults and the dice, and switches for what nobody knows
region      what scale sets share: the quota, addresses, request budgets (budgets); what each is made of
in_process  one caller's face of it, as scaler.ports.ScaleSet (refusals);  wire  the same as ARM over HTTP
world       what is true now;  vm, history  its parts
orders, delivery → machines  an order, its way and what it begins (transitions);  reading  a look's;  platform_events
health      what guests answer, what their health extension makes of it, and what an instance view shows of both
command_line, help_text   `python -m emulator`, for whoever wants nothing else
redis       the Redis that the registry and its scripts run on in virtual time
functions_host  a stand-in for `func start`
"""
