"""Log lines of a tick, for people: a sentence with facts.

lines       a line for each step, each refusal, each failure
evaluation  a row a minute: machines seen, settings in force, steps taken and held back
"""

from scaler.telemetry.lines import Telemetry

__all__ = ["Telemetry"]
