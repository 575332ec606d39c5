"""Redis in virtual time: the scaler's own registry and scripts run on it, and any clock turns it.

keyspace     strings, sets and their expiry;  commands  what Redis calls them, with Redis' arguments and answers
script_host  runs Lua scripts as Redis does
client       redis-py's client without a network;  memory  the shipped registry on such a client
"""
