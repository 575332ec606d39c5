"""The emulated scale sets over http and https, as Azure Resource Manager and managed identities would answer.

server → listener → app → routes   from a socket to who answers;  exchange  request and answer;  certificates  TLS
scale_sets · creation · vms · machines · operations · tags · network   ARM's resources;  bodies, …  their JSON
narrowing · paging   $filter, $select, nextLink;  changes  what nobody can change here
identity · identities · sign_in · tokens · directory   what a client wants before its first request
site       where all of it is;  front_door  ARM's own request budgets;  calls  who asked for what, and when
hostile    answers that a door must survive
"""
