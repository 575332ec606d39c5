"""What people see of a tick: log lines, each a sentence with its facts.

lines       one line for each step, each thing held back, each failure
evaluation  one row a minute: what a controller saw, what it went by, and what it made of that
"""

from scaler.telemetry.lines import Telemetry

__all__ = ["Telemetry"]
