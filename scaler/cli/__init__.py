"""For operators: `scaler`, or `python -m scaler`. An extra (`pip install '.[cli]'`) that nothing deployed imports.

app          the commands, what a failure says;  options  what several of them can be told, and the exit statuses
environment  settings from a file and the environment; who we are to Azure; the doors
screen       tables and lines, on a terminal and in a pipe;  steps  a plan and its outcomes as rows
status       what there is, from an overview;  ticking  plan, tick
visits       reserve, look, release, cancel;  pausing  pause, resume
adopting     the adoption of a running installation;  handover  its rounds
"""
