"""The nouns: frozen values without behaviour that needs a clock, a network or a process.

instance   a VM as Azure shows it;  sighting  when, how and how completely it was looked at
record     what the registry publishes;  notes  what the scaler decided;  row  both, with their place in the index
lifecycle  the one table of steps;  standing  what a machine is, in one word, for all four controllers
fleet      Azure joined with Redis at one moment;  case  one machine of it;  witness  what two looks agree on
plan       steps, orders and refusals;  policy  the operator's numbers
"""
