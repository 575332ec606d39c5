"""Settings of the process, from the environment (app settings).

table          every variable: name, default and meaning
load           the environment -> Settings, or every mistake at once; checks across variables
reader         one variable: text, number, duration, address; a value for all scale sets, or for each scale set
capacity       how many machines a scale set should hold, and what these cost
calendar       SCALER_CALENDAR: windows and events, from JSON or a file
redis_address  address and identity for Redis: the REDIS_… variables
schedule       a timer's NCRONTAB expression or time span
"""

from scaler.settings.load import SCALE_SET_NAME, Settings, load
from scaler.settings.reader import InvalidSettings
from scaler.settings.redis_address import RedisAddress
from scaler.settings.table import SETTINGS, Setting

__all__ = ["SCALE_SET_NAME", "SETTINGS", "InvalidSettings", "RedisAddress", "Setting", "Settings", "load"]
