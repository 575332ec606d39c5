"""Settings of the process, from the environment (app settings).

table          every variable: name, default and meaning
load           the environment -> Settings, or every mistake at once
reader         one variable: text, number, duration, address
redis_address  address and identity for Redis: the REDIS_… variables
schedule       a timer's NCRONTAB expression or time span
combined       readable settings that exclude each other
per_scale_set  `5`, `first=5,second=3`: a value for all scale sets, or for each scale set
"""

from scaler.settings.load import SCALE_SET_NAME, Settings, load
from scaler.settings.reader import InvalidSettings
from scaler.settings.redis_address import RedisAddress
from scaler.settings.table import SETTINGS, Setting

__all__ = ["SCALE_SET_NAME", "SETTINGS", "InvalidSettings", "RedisAddress", "Setting", "Settings", "load"]
