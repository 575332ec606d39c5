"""Never deployed: the whole scaler on one machine, with visitors, and an observer who judges what comes of it.

options      what the user may choose;  run, clock  one run and its loop, its time
parts        what a run is made of: Redis, the emulated Azure, the functions host; each ends with this process
workload     visitors and their queue managers, in virtual time and on the wall clock
happenings   what can be seen;  story  all that happened to one machine
looking      a look at Azure's truth and at Redis; what is not as it should be in the end
observer     the four wrongs, judged by what was seen and never by the scaler's word
chaos, chaos_real  everything breaks on purpose: in virtual time; in real time, on real processes
showing, view, narrator  how a run is watched: one line per change, and what the lines say; or live, a screen
figures      what is counted, and how it is told
"""
