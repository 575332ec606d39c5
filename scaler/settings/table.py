"""All environment variables, as the README's table and the error messages describe them."""

from dataclasses import dataclass
from datetime import timedelta

from scaler.clouds import PUBLIC
from scaler.model.policy import Capacity, Policy

_POLICY = Policy()  # the defaults of its numbers stand there


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """An environment variable: name, default and meaning."""

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
    Setting(name="AZURE_SUBSCRIPTION_ID", default=None, meaning="subscription of the scale sets (GUID)"),
    Setting(name="AZURE_RESOURCE_GROUP", default=None, meaning="resource group of the scale sets"),
    Setting(name="AZURE_VMSS_NAME", default=None, meaning="name of the scale set; several: `first,second`"),
    Setting(
        name="AZURE_VMSS_ORCHESTRATION",
        default="Uniform",
        meaning="Uniform, or Flexible (experimental); per scale set: `first=Flexible,second=Uniform`",
    ),
    Setting(
        name="AZURE_CLIENT_ID", default="", meaning="client id of a user-assigned identity; empty: system-assigned"
    ),
    Setting(
        name="AZURE_RESOURCE_MANAGER_URL",
        default=PUBLIC,
        meaning="ARM's address in your cloud; China: `https://management.chinacloudapi.cn`, US Government:"
        " `https://management.usgovcloudapi.net`; the emulator only on loopback, over plain http too",
    ),
    Setting(name="REDIS_URL", default="", meaning="redis://… or rediss://…; or the next three"),
    Setting(name="REDIS_HOST", default="", meaning="Redis' host name"),
    Setting(name="REDIS_PORT", default="", meaning="its port; unset: 10000 or 6380 at Azure's hosts, 6379 elsewhere"),
    Setting(name="REDIS_SSL", default="", meaning="TLS to it; unset: true at Azure's hosts, false elsewhere"),
    Setting(name="REDIS_CA_FILE", default="", meaning="a CA (PEM) to trust besides the system's"),
    Setting(name="REDIS_AUTH", default="key", meaning="key: by password, if any; entra: as the managed identity"),
    Setting(name="REDIS_PASSWORD", default="", meaning="the access key, where REDIS_AUTH is key"),
    Setting(name="SCALER_REDIS_PREFIX", default="vmss", meaning="prefix of all keys; `{vmss}` for a clustered Redis"),
    Setting(
        name="SCALER_POOL_CAPACITY",
        default="4",
        meaning="instances a scale set should hold, in use or not; per scale set: `first=5,second=3`",
    ),
    Setting(
        name="SCALER_WARMPOOL_SIZE",
        default=str(Capacity(desired=0).warm),
        meaning="of the ready ones, how many stay allocated: full price, ~10 s to start, not ~100 s; per scale set too",
    ),
    Setting(name="SCALER_VM_RUNTIME", default=spelled(_POLICY.session_limit), meaning="session limit; 0: none"),
    Setting(
        name="SCALER_PRESUMED_LIMIT",
        default=spelled(_POLICY.presumed_limit),
        meaning="limit of a presumed session where the above is 0",
    ),
    Setting(
        name="SCALER_RESERVATION_TIMEOUT",
        default=spelled(_POLICY.reservation_timeout),
        meaning="a visitor who waited so long is refused",
    ),
    Setting(
        name="SCALER_MOVE",
        default=str(_POLICY.moves),
        meaning="whose reservation goes on with another machine if its own cannot be had: atomic: those of the shipped "
        "scripts; always: all, where the queue manager follows `movedTo`",
    ),
    Setting(
        name="SCALER_START_TIMEOUT",
        default=spelled(_POLICY.start_timeout),
        meaning="a start that takes longer has failed",
    ),
    Setting(
        name="SCALER_MAX_SURGE",
        default=str(_POLICY.max_surge),
        meaning="instances created per provisioner tick at most",
    ),
    Setting(
        name="SCALER_NAME", default=_POLICY.managed_by, meaning="value of the tag `scaler:managed` that lets us act"
    ),
    Setting(name="SCALER_GEO_NAME", default="", meaning="region, as published in new records; per scale set too"),
    Setting(
        name="SCALER_PAUSED",
        default=_POLICY.pause.word,
        meaning="true: no orders but starts of what is reserved; all: no orders at all",
    ),
    Setting(
        name="PROVISIONER_SCHEDULE",
        default="",
        meaning="when the provisioner runs: NCRONTAB (six fields, seconds first) or hh:mm:ss; the host needs it",
    ),
    Setting(name="RECONCILER_SCHEDULE", default="", meaning="the same for the reconciler"),
    Setting(name="STARTER_SCHEDULE", default="", meaning="the same for the starter"),
    Setting(name="CLEANER_SCHEDULE", default="", meaning="the same for the cleaner"),
    Setting(
        name="SCALER_PROVISIONER_WATCH",
        default="55s",
        meaning="how long one invocation may go on ticking, where the budget of listings held it back; 0: once",
    ),
    Setting(
        name="SCALER_RECONCILER_WATCH", default="25s", meaning="the same; a little less than its schedule's interval"
    ),
    Setting(name="SCALER_STARTER_WATCH", default="9.8s", meaning="the same; it probes for reservations every 250 ms"),
    Setting(name="SCALER_CLEANER_WATCH", default="0s", meaning="the same"),
    Setting(
        name="SCALER_SPEED",
        default="1",
        meaning="divides all durations of the policy; only for an Azure on this machine",
    ),
)
