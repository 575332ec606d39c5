"""A stand-in for `func start`, which loads function_app.py through Microsoft's own azure-functions-runtime library.

The stand-in fires timers by NCRONTAB settings and answers the host's admin routes; other triggers, retry policies,
past-due memory and storage are missing. Azure Functions Core Tools, if installed, do more: `func start`.
"""
