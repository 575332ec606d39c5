"""All environment variables, as the README's table and the error messages describe them."""

from datetime import timedelta
from typing import NamedTuple

from scaler.clouds import PUBLIC
from scaler.model.policy import Capacity, Policy

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
        str(_CAPACITY.mode),
        "how many machines a scale set should hold. fixed: SCALER_POOL_CAPACITY; buffer: SCALER_POOL_BUFFER more than "
        "are in use; auto: as many more as visitors come while the next machine is made; per scale set too",
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
        "SCALER_FOUND_AT_ONCE",
        f"{_CAPACITY.found_at_once:.0%}",
        "auto: the share of visitors who should find a machine ready, 50% to 99.99%",
    ),
    Setting(
        "SCALER_WARMPOOL_SIZE",
        str(_CAPACITY.warm),
        "of the ready ones, how many stay allocated: full price, ~10 s to start, not ~100 s; per scale set too",
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
    Setting("SCALER_START_TIMEOUT", spelled(_POLICY.start_timeout), "a start that takes longer has failed"),
    Setting("SCALER_MAX_SURGE", str(_POLICY.max_surge), "instances created per provisioner tick at most"),
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
