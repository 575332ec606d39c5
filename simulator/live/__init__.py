"""A screen that shows a run as it is now, redrawn a few times a second. All its times are the emulated world's.

frame     what is on the screen: machines, controllers, waits, budgets, events, wrongs
rounds    how each controller fares, by the log and by its calls; ARM calls a minute and what is left
board     remembers what happened; gives a frame of any moment
drawing   a frame -> lines of a screen, whatever its size: head, machines, events, legend
layout    lines that fit: columns, flowing pieces; and how things look in them
screen    a terminal that is drawn on, and given back; or one frame of a run as an SVG
"""
