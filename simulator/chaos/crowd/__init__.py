"""Visitors and their queue managers in virtual time: between any two steps anything else may happen, their death too.

crowd     who is there, and whose step is due;  visitor  one visit;  habits  what they have in mind
desk      what they need of the world;  account  what they tell;  steps  pauses, and death in them
manager   what a visitor needs of a queue manager;  kinds  which there are
atomic    the shipped client;  naive  four steps and six rules;  nameless  the same without session ids
slow, lossy, greedy, repeating, garbage   the rule breakers;  litter  what is no record
"""
