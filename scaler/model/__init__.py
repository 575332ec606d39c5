"""The nouns: frozen values without behaviour that needs a clock, a network or a process.

instance   a VM as Azure shows it;  sighting  a look: when, how and how complete
row        a machine in Redis: the published record, the scaler's notes, and the places in the index
lifecycle  the table of steps;  standing  a machine's classification, for all four controllers
fleet      Azure joined with Redis at a moment;  machine  one row of the fleet, and two looks that agree
plan       steps, orders and refusals;  policy  the operator's numbers;  scarcity  what Azure lately did not give
capacity   the demand by listings, and how many machines to want;  placement  a number shared by scale sets
in_force   settings, calendar, tags: which number holds;  replacing  old and outdated machines;  price  cost and budget
sizing     how many machines to expect, by queueing theory (queueing), before a machine exists
"""
