"""Redis in virtual time: the scaler's own registry and scripts run on it, and any clock turns it.

keyspace     strings, sets and their expiry, and what Redis calls them;  script_host  runs Lua scripts as Redis does
memory       redis-py's client without a network, and the shipped registry on such a client
"""
