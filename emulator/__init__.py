"""Never deployed: our Azure. A scale set that behaves, on any clock; its wire; the functions host.

scale_set   the behaviour, for its callers;  observed  the same from above: its truth, and accidents by order
behaviour   how it behaves: latencies, faults, and switches for what nobody knows about Azure
in_process  one caller's face of it, as scaler.ports.ScaleSet;  wire  the same as ARM over HTTP
world       what is true now;  vm · operations · history  its parts;  agenda · chance  its time and its dice
delivery → arrivals → machines · scaling   the way of an order;  reading  of a look;  platform_events  of a mishap
functions_host  a stand-in for `func start`
"""
