"""Never deployed: seeded campaigns in virtual time, in which everything breaks on purpose, judged by the observer.

world       one moment of it all;  clocks  one time, several clocks;  doors  what comes between a process and its doors
azure, redis_server, hosts  the parts: scale sets · a Redis that forgets · processes that die, overlap, are held up
looking     a look at Azure's truth and at Redis;  settled  what is not yet as it should be
weather     what goes wrong;  switches, skews  which Azure it is, whose clock is wrong
accidents   what befalls Redis;  hands, interference  what befalls Azure and the settings, by operators and by want
crowd, reception  queue managers and visitors, and where they are served;  breaks  bugs planted on purpose
campaign    one seed in one weather;  runs  many;  figures, summary  what they come to
story, sighted, shrinking, explaining  what is told of a failure
options, command_line  python -m simulator chaos
"""
