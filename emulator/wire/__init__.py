"""The emulated scale sets over http and https, as Azure Resource Manager and managed identities would answer.

server → listener → app → routes   from a socket to the handler of a path;  exchange  request, answer, and their log
scale_sets, vms, operations, network   ARM's resources;  bodies  JSON of resources;  listing  pages, filters
directory, token_endpoints   requests of clients before the first real request
site       names, identities and their tokens;  answer_faults  injected faults of answers
"""
