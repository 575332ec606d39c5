"""For operators: `scaler`, or `python -m scaler`. An extra (`pip install '.[cli]'`), imported by no deployed module.

app          the commands, and messages of failures
environment  the common part of all commands: options and exit statuses, settings, identity in Azure, the doors
screen       tables and lines, on a terminal and in a pipe
status       machines and scale sets;  ticking  plan, tick, tables of plans and outcomes
visits       reserve, look, release, cancel;  pausing  pause, resume
sizing       size: machines and costs before there are any;  doctor, checks/  what is wrong around the scaler
adopting     the adoption of a running installation;  by_hand  distrust, forget
calendar     what the calendar says in the next days; events of calendar files
"""
