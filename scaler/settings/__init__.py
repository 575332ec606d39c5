"""What the process is told from outside, in the environment (app settings).

table          every variable: its name, default and meaning
load           the environment -> Settings, or every mistake at once
reader         one variable: text, number, duration, address
redis_address  where Redis is and as whom to talk to it: the REDIS_… variables
schedule       a timer's NCRONTAB expression or time span
combined       what can be read, and cannot be together
per_scale_set  `5`, `first=5,second=3`: one value for all scale sets, or one for each
"""

from scaler.settings.load import SCALE_SET_NAME, Settings, load
from scaler.settings.reader import InvalidSettings
from scaler.settings.redis_address import RedisAddress
from scaler.settings.table import SETTINGS, Setting

__all__ = ["SCALE_SET_NAME", "SETTINGS", "InvalidSettings", "RedisAddress", "Setting", "Settings", "load"]
