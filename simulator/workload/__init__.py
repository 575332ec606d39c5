"""Visitors and their queue managers: between any two steps anything else may happen, their death too.

crowd          who is there, who serves them, and whose step is due
visitor        one visit;  habits  what visitors have in mind
queue_manager  what a visitor needs of one, and what one needs of its world
atomic         the shipped client;  naive  four steps and six rules;  variants  naive ones that keep the rules too
rule_breakers  those that do not
fields         the record as a queue manager reads and writes it;  account  what visitors tell
steps          pauses, and death in them;  real_time  all of it on the wall clock
"""
