"""Never deployed: seeded campaigns in virtual time, in which everything breaks on purpose, judged by the observer.

world       one moment of it all;  doors  what comes between a process and its doors
azure, redis_server, hosts  the parts: scale sets · a Redis that forgets · processes that die, overlap, are held up
looking     the keyspace of a world, as looks read it
weather     what goes wrong;  switches  which Azure it is, whose clock is wrong
redis_faults  what befalls Redis;  operators  what befalls Azure and the settings, by operators and by want
reception   what queue managers need of a world;  breaks  bugs planted on purpose
campaign    one seed in one weather;  runs  many;  summary  what they come to
story, explaining  what is told of a failure
options, command_line  python -m simulator chaos
"""
