"""For operators: `scaler`, or `python -m scaler`. An extra (`pip install '.[cli]'`) that nothing deployed imports.

app          the commands, what a failure says
environment  what all commands share: options and exit statuses, settings, who we are to Azure, the doors
screen       tables and lines, on a terminal and in a pipe
status       what there is, from an overview;  ticking  plan, tick, and how plans and outcomes are shown
visits       reserve, look, release, cancel;  pausing  pause, resume
adopting     the adoption of a running installation;  handover  its rounds
rounds       a change by hand: distrusting, forgetting
"""
