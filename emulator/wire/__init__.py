"""The emulated scale set over HTTP, as Azure Resource Manager and a managed identity would answer.

server     threads and sockets;  app  one request, one answer;  routes  which path means what
scale_sets · vms · operations  ARM's resources;  bodies  their JSON
identity · directory  tokens, subscriptions, endpoints: what a client wants before its first request
hostile    answers that a door must survive;  calls  who asked for what, and when
"""
