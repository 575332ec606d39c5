"""Days in virtual time: made visitors before the real controllers, gates and emulated Azure, one policy beside another.

demand        the visitors of a day, drawn from a seed
host          the functions host: four timers and their watches, on a virtual clock
visitors      the queue manager's line, and the visits
machines      machine-hours by state, from Azure's history
figures       what a day comes to, and the clairvoyant's cost
policies      a policy is a set of SCALER_ settings
hindsight     the smallest fixed number or buffer that finds as much at once as another policy
command_line  the options, the table, the JSON line; plot draws the picture
"""
