"""All environment variables, as the table of docs/configuration.md and the error messages describe them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from scaler.clouds import PUBLIC
from scaler.model.policy import FAILURE_CAPS, Capacity, EndWhen, Mode, Policy, ReadyWhen

_POLICY, _CAPACITY = Policy(), Capacity()  # the defaults of their numbers stand there


class Setting(NamedTuple):
    """An environment variable: a row of the table."""

    name: str
    default: str | None  # None: required
    meaning: str


def spelled(duration: timedelta) -> str:
    """A duration in the largest whole unit."""
    seconds = duration.total_seconds()
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


PRESETS: Mapping[str, Mapping[str, str]] = {
    "thrifty": {"SCALER_FOUND_AT_ONCE": "99.9%", "SCALER_POOL_BUFFER": "2", "SCALER_WARMPOOL_SIZE": "0"},
    "balanced": {"SCALER_FOUND_AT_ONCE": "99.9%", "SCALER_POOL_BUFFER": "2", "SCALER_WARMPOOL_SIZE": "auto"},
    "instant": {"SCALER_FOUND_AT_ONCE": "99%", "SCALER_POOL_BUFFER": "2", "SCALER_WARMPOOL_SIZE": "all"},
}
"""SCALER_PRESET: other defaults. A cold machine is nearly free, so the stock of these may be large."""


SETTINGS: tuple[Setting, ...] = (
    Setting("AZURE_SUBSCRIPTION_ID", None, "subscription of the scale sets (GUID)"),
    Setting("AZURE_RESOURCE_GROUP", None, "resource group of the scale sets"),
    Setting("AZURE_VMSS_NAME", None, "name of the scale set; several: `first,second`"),
    Setting(
        "AZURE_VMSS_ORCHESTRATION",
        "Uniform",
        "Uniform, or Flexible (experimental); per scale set: `first=Flexible,second=Uniform`",
    ),
    Setting("AZURE_CLIENT_ID", "", "client id of a user-assigned identity; empty: system-assigned"),
    Setting(
        "AZURE_RESOURCE_MANAGER_URL",
        PUBLIC,
        "ARM's address in your cloud; China: `https://management.chinacloudapi.cn`, US Government:"
        " `https://management.usgovcloudapi.net`; the emulator only on loopback, over plain http too",
    ),
    Setting("REDIS_URL", "", "redis://… or rediss://…; or the next three"),
    Setting("REDIS_HOST", "", "Redis' host name"),
    Setting("REDIS_PORT", "", "its port; unset: 10000 or 6380 at Azure's hosts, 6379 elsewhere"),
    Setting("REDIS_SSL", "", "TLS to it; unset: true at Azure's hosts, false elsewhere"),
    Setting("REDIS_CA_FILE", "", "a CA (PEM) to trust besides the system's"),
    Setting("REDIS_AUTH", "key", "key: by password, if any; entra: as the managed identity"),
    Setting("REDIS_PASSWORD", "", "the access key, where REDIS_AUTH is key"),
    Setting("SCALER_REDIS_PREFIX", "vmss", "prefix of all keys; `{vmss}` for a clustered Redis"),
    Setting(
        "SCALER_CAPACITY",
        str(Mode.AUTO),
        "how many machines a scale set should hold. auto: as many more than are in use as visitors come while the next "
        "machine is made; buffer: SCALER_POOL_BUFFER more than are in use; fixed: SCALER_POOL_CAPACITY (the default "
        "where that is set); per scale set too",
    ),
    Setting(
        "SCALER_PRESET",
        "",
        "other defaults for the next ones: thrifty (all machines cold), balanced (as many warm as 9 of 10 visitors "
        "need) or instant (all warm); what each costs: docs/operations.md#presets",
    ),
    Setting(
        "SCALER_POOL_CAPACITY",
        "4",
        "fixed: machines of a scale set, in use or not; per scale set: `first=5,second=3`",
    ),
    Setting(
        "SCALER_POOL_BUFFER",
        str(_CAPACITY.buffer),
        "buffer: machines beyond those in use; auto: the same, at least. `5`; `20%` of those in use; `5/20%`: the "
        "larger of both; per scale set too",
    ),
    Setting(
        "SCALER_POOL_MIN", str(_CAPACITY.least), "buffer, auto: machines of a scale set at least; per scale set too"
    ),
    Setting("SCALER_POOL_MAX", str(_CAPACITY.most), "buffer, auto: machines of a scale set at most; per scale set too"),
    Setting(
        "SCALER_POOL_WEIGHTS",
        "",
        "for scale sets that share one number: `first=2,second=1`. The settings above are then of all together, "
        "placed by weight; one for which Azure has no room is passed over. Empty: each by itself",
    ),
    Setting(
        "SCALER_FOUND_AT_ONCE",
        f"{_CAPACITY.found_at_once:.0%}",
        "auto: the share of visitors who should find a machine ready, 50% to 99.99%",
    ),
    Setting(
        "SCALER_WARMPOOL_SIZE",
        str(_CAPACITY.warm),
        "of the ready ones, how many stay allocated: full price, ~10 s to start, not ~100 s; auto: as many as 9 "
        "of 10 visitors need until the next one is made, none where nobody was there for an hour; or all; per scale "
        "set too",
    ),
    Setting(
        "SCALER_HOTPOOL_SIZE",
        str(_CAPACITY.hot),
        "of the ready ones, how many run and wait: full price, a visitor is in within a second; less than "
        "SCALER_POOL_BUFFER (fixed: than SCALER_POOL_CAPACITY); needs a replica of Redis "
        "(docs/operations.md#hot-machines); per scale set too",
    ),
    Setting(
        "SCALER_PRICE",
        "",
        "what a machine costs per hour: running/stopped/deallocated, such as `1.20/1.20/0.05`; per scale set too; "
        "empty: no costs are shown",
    ),
    Setting(
        "SCALER_BUDGET",
        "",
        "of a scale set for a month: where 730 hours like this one would cost more, fewer machines are kept warm, then "
        "no more are made; needs SCALER_PRICE; per scale set too; empty: none",
    ),
    Setting("SCALER_CURRENCY", "", "of the prices, such as `EUR`: shown beside them"),
    Setting(
        "SCALER_CALENDAR",
        "",
        "times with other numbers, and announced crowds: a JSON list, or the name of a .json file beside "
        "function_app.py (docs/calendar.md)",
    ),
    Setting(
        "SCALER_APP_CONFIGURATION",
        "",
        "a store of Azure App Configuration with numbers that go before the settings and the calendar: "
        "`https://NAME.azconfig.io`; needs an extra package (docs/operations.md#the-same-numbers-in-app-configuration)",
    ),
    Setting(
        "SCALER_WARM_SURPLUS_KEPT",
        spelled(_POLICY.warm_surplus_kept),
        "what has been warm beyond that number for so long is deallocated; 0: at once",
    ),
    Setting(
        "SCALER_SURPLUS_KEPT",
        spelled(_POLICY.surplus_kept),
        "what has been beyond the wanted number for so long is deleted: named, cold machines first",
    ),
    Setting(
        "SCALER_MAX_READY_AGE",
        spelled(_POLICY.max_ready_age),
        "a machine that has been ready for so long is replaced, a few at a time; 0: never",
    ),
    Setting("SCALER_VM_RUNTIME", spelled(_POLICY.session_limit), "session limit; 0: none"),
    Setting(
        "SCALER_PRESUMED_LIMIT", spelled(_POLICY.presumed_limit), "limit of a presumed session where the above is 0"
    ),
    Setting(
        "SCALER_RESERVATION_TIMEOUT", spelled(_POLICY.reservation_timeout), "a visitor who waited so long is refused"
    ),
    Setting(
        "SCALER_MOVE",
        str(_POLICY.moves),
        "whose reservation goes on with another machine if its own cannot be had: atomic: those of the shipped "
        "scripts; always: all, where the queue manager follows `movedTo`",
    ),
    Setting(
        "SCALER_END_WHEN",
        str(EndWhen.RELEASED),
        "what ends a session before its limit: released: the queue manager alone; unhealthy: the machine as well, if "
        "its responder says for a minute that nobody is in (docs/operations.md#sessions-that-end-by-health); per scale "
        "set too",
    ),
    Setting(
        "SCALER_CONNECT_TIMEOUT",
        spelled(_POLICY.connect_timeout),
        "with SCALER_END_WHEN=unhealthy: a visitor who was let in has so long to connect before the health counts",
    ),
    Setting(
        "SCALER_READY_WHEN",
        str(ReadyWhen.RUNNING),
        "running, or healthy: a new machine runs until its Application Health extension has said Healthy, and a session"
        " is let in only then; per scale set too",
    ),
    Setting(
        "SCALER_READY_TIMEOUT",
        spelled(_POLICY.ready_timeout),
        "with `healthy`: a started machine that runs for so long without Healthy is given up, and its session moved",
    ),
    Setting("SCALER_START_TIMEOUT", spelled(_POLICY.start_timeout), "a start that takes longer has failed"),
    Setting(
        "SCALER_MAX_SURGE",
        str(_POLICY.max_surge),
        "machines created per provisioner tick at most, or a tenth of all, if that is more",
    ),
    Setting(
        "SCALER_FAILURE_CAP",
        str(_CAPACITY.failure_cap),
        "so many creations that fail within an hour end all creating in that scale set, with an alarm, until the hour "
        "is over or the Failed machines are deleted; 0: no number does (with SCALER_READY_WHEN=healthy those that are "
        f"not Healthy in time count as well, and where nothing is set {FAILURE_CAPS[ReadyWhen.HEALTHY]} do); per scale "
        "set too",
    ),
    Setting("SCALER_NAME", _POLICY.managed_by, "value of the tag `scaler:managed` that lets us act"),
    Setting("SCALER_GEO_NAME", "", "region, as published in new records; per scale set too"),
    Setting(
        "SCALER_PAUSED", _POLICY.pause.word, "true: no orders but starts of what is reserved; all: no orders at all"
    ),
    Setting(
        "PROVISIONER_SCHEDULE",
        "",
        "when the provisioner runs: NCRONTAB (six fields, seconds first) or hh:mm:ss; the host needs it",
    ),
    Setting("RECONCILER_SCHEDULE", "", "the same for the reconciler"),
    Setting("STARTER_SCHEDULE", "", "the same for the starter"),
    Setting("CLEANER_SCHEDULE", "", "the same for the cleaner"),
    Setting(
        "SCALER_PROVISIONER_WATCH",
        "59s",
        "how long one invocation may go on ticking, for new machines or a budget that held it back; 0: once",
    ),
    Setting("SCALER_RECONCILER_WATCH", "29.5s", "the same; a little less than its schedule's interval"),
    Setting("SCALER_STARTER_WATCH", "9.8s", "the same; it probes for reservations every 250 ms"),
    Setting("SCALER_CLEANER_WATCH", "0s", "the same"),
    Setting("SCALER_SPEED", "1", "divides all durations of the policy; only for an Azure on this machine"),
)


def defaults(said: Mapping[str, str]) -> Mapping[str, str | None]:
    """The default of each setting, by what the environment says of others: those of a preset, and a fixed number."""
    by_preset = PRESETS.get(said.get("SCALER_PRESET", "").lower(), {})
    by_number = {"SCALER_CAPACITY": str(Mode.FIXED)} if said.get("SCALER_POOL_CAPACITY") else {}
    return {**{setting.name: setting.default for setting in SETTINGS}, **by_preset, **by_number}
