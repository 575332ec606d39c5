"""What a run is made of. Each part tells why it is dead (`failure`), and is closed in the reverse order.

assembly          all of them, one after the other
environment       the variables of the functions host: the example's, what the user set, and ours
redis_server      a redis-server without persistence, or fakeredis where there is none
azure             the emulated scale set and its wire, in this process
functions_host    function_app.py on the stand-in for `func start`, and what it logs
child, tether     processes that end with this one, however it ends
"""
