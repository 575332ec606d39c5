"""Never deployed: seeded campaigns in virtual time, in which everything breaks on purpose, judged by the observer.

world       one moment of it all;  doors  what comes between a process and its doors
azure, redis_server, hosts  the parts: scale sets and clocks · a Redis that forgets · processes that die, overlap, wait
weather     what goes wrong;  breaks  bugs planted on purpose
redis_faults  what befalls Redis;  operators  what befalls Azure and the settings, by operators and by want
campaign    one seed in one weather;  runs  many;  summary  what they come to;  story  what is told of a failure
command_line  python -m simulator chaos
"""
