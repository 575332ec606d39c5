"""Never deployed: the whole scaler on real processes that are killed, stopped, failed over and cut off.

faults        what is broken on purpose, and when: drawn from a seed
injector      breaks and mends the parts by that schedule
campaign      set up, broken, mended, settled;  view  what is told meanwhile;  report  what it came to
command_line  python -m simulator chaos-real
"""
