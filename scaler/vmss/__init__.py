"""The door to Azure: one scale set through ARM, in the scaler's words, without waiting for long-running operations.

client     the address of ARM and the identity;  credential  the managed identity
scale_set  the port for Uniform orchestration;  flexible  what differs for Flexible
listing    every page of a list, or an error
calls      one request, gated, counted and bounded in time;  gates  when not to ask (429, budgets)
reply      an answer, and the parts that the scaler reads
translate  an answer in the model's words, pure;  addresses  the same for network interfaces and public addresses
refusals   ARM's errors -> scaler.errors (a table)
"""
