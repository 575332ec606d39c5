"""Visitors and their queue managers: between any two steps anything else may happen, their death too.

crowd          who is there, who serves them, and whose step is due
visitor        one visit;  habits  what visitors have in mind, pauses, and death in them
queue_manager  what a visitor needs of one, what one needs of its world, and what visitors tell
atomic         the shipped client;  naive  four steps and six rules;  rule_breakers  those that do not keep them
fields         the record as a queue manager reads and writes it;  real_time  all of it on the wall clock
"""
