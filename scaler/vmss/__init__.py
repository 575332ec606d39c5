"""The door to Azure: one scale set through ARM, in the scaler's words; never waits for a long-running operation.

client     where ARM is and who asks;  credential  the managed identity
scale_set  the port for Uniform, flexible  for Flexible orchestration, resource  what both have in common
listing    every page of a list, or an error; where instances can be reached
calls      one request, gated, counted and held to its time;  gates  when not to ask (429, budgets)
reply      what came back, and the parts of it that we read
translate  the same in the model's words, pure (flexible_rows, addresses)
refusals   ARM's errors -> scaler.errors (a table)
"""
