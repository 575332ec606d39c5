"""A stand-in for `func start`, which loads function_app.py through Microsoft's own azure-functions-runtime library.

It fires timers by their NCRONTAB settings and answers the host's admin routes; it knows no other trigger, no retry
policy, no past-due memory and no storage. Where Azure Functions Core Tools are installed, `func start` does more.
"""
