"""Never deployed: real parts, broken again and again in real time, judged by the observer.

options, command_line  python -m simulator chaos-real
schedule  what is broken when, and for how long: drawn from a seed;  mischief  its vocabulary
lanes, stage  carry the schedule out, side by side;  deeds, portal  how each thing is broken and mended
switchboard, front  addresses that stay the same, before servers that do not
redis_node, redis_pair  two redis-servers that take each other's place;  hosts, nursery  functions hosts that are killed
sight, outages, bench, calmed  the observer, where Redis forgets and parts are away
visitors, web_site  who comes, through queue managers that crash
settling, books, bound  whether everything is as it should be, and how long that may take
assembly, campaign  all of it together, and one run;  diary, story, reckoning  how it is watched, and what it came to
"""
