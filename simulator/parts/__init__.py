"""What a run in real time is made of. Each part tells why it is dead (`failure`), and is closed in the reverse order.

assembly          all of them, one after the other;  environment  the variables of the functions host
redis_server      a redis-server, alone or with a replica, or fakeredis where there is none
azure             the emulated scale sets and their wire
functions_host    function_app.py on the stand-in for `func start`, and what it logs
network           proxies that cut, refuse and swallow;  child, bound_to_parent  processes that end with this one
"""
