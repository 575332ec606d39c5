"""`scaler web`: a read-only page for operators on this machine's loopback address; never deployed.

command    the command line: address, settings, server
site       addresses, the checks of a request, and the headers of an answer
figures    what the page shows, gathered from Redis and, on demand, from Azure
chart      machines over time as SVG
pages      HTML, with all foreign text escaped
runbook    docs/operations.md: the paragraph for a sentence in red
"""
