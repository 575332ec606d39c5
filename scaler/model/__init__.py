"""The nouns: frozen values without behaviour that needs a clock, a network or a process.

instance   a VM as Azure shows it;  sighting  a look: when, how and how complete
record     published facts;  notes  the scaler's decisions;  row  both, with the places in the index
lifecycle  the table of steps;  standing  a machine's classification, for all four controllers
fleet      Azure joined with Redis at a moment;  machine  one row of the fleet;  witness  two looks that agree
plan       steps, orders and refusals;  policy  the operator's numbers
"""
