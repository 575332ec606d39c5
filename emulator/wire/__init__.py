"""The emulated scale sets over http and https, as Azure Resource Manager and managed identities would answer.

server → listener → app → routes   from a socket to the handler of a path;  exchange  request and answer
scale_sets, vms, machines, operations, network   ARM's resources;  bodies  their JSON;  listing  $filter, nextLink
directory, token_endpoints, identities   what a client wants before its first request
site       where all of it is;  calls  who asked for what, and when;  answer_faults  what a door must survive
"""
