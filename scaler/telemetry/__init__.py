"""Log lines of a tick, for people: a sentence with facts.

lines       a line for each step, each refusal, each failure: a sentence and its facts in a message
evaluation  a row a minute: machines seen, settings in force, steps taken and held back
"""

from scaler.telemetry.lines import Telemetry, read, written

__all__ = ["Telemetry", "read", "written"]
