"""The door to Azure: one scale set through ARM, in the scaler's words; never waits for a long-running operation.

client     where ARM is and who asks;  credential  the managed identity
scale_set  the port for Uniform, flexible  for Flexible orchestration, resource  what both have in common
network    where instances can be reached;  listing  every page of a list, or an error;  tags  the operator's words
calls      one request, gated and counted;  bounded  held to its time;  gates  when not to ask (429, budgets)
reply      what came back;  bodies  the parts of it that we read
translate  ARM's answers -> model (rows, flexible_rows, addresses);  refusals  ARM's errors -> scaler.errors (a table)
"""
