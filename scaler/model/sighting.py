"""Looks at Azure: the question, the time, and the completeness of the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from scaler.model.instance import Instance, InstanceRef, ProvisioningState, ScaleSetName


class Pause(StrEnum):
    """How far an operator has halted the scaler, by the tag `scaler:paused`, the registry's key, or the settings."""

    NONE = "none"
    ORDERS = "orders"  # no orders but starts of what is Reserved
    ALL = "all"  # no orders at all

    @property
    def word(self) -> str:
        """The pause as a word of the setting SCALER_PAUSED and the tag `scaler:paused`."""
        return {Pause.NONE: "false", Pause.ORDERS: "true"}.get(self, "all")

    @classmethod
    def of(cls, word: str) -> "Pause":
        """The pause meant by a word. A word that does not clearly mean no means a pause."""
        said = word.strip().lower()
        return cls.NONE if said in {"false", "no", "0"} else cls.ALL if said == "all" else cls.ORDERS


def strictest(*pauses: Pause) -> Pause:
    return max(pauses, key=tuple(Pause).index, default=Pause.NONE)


class Method(StrEnum):
    """How a machine was looked at; the two lag differently."""

    LISTING = "listing"  # may lag without bound
    TARGETED = "targeted"  # lags at most Policy.observation_lag


class Source(StrEnum):
    """Where a tag of the operator's stands, for people; the later in this list, the higher the rank."""

    STORE = "key of App Configuration"  # without a label: for all scale sets
    LABELLED = "key of App Configuration with label"  # the label is the name of the scale set
    GROUP = "tag of the resource group"
    SCALE_SET = "tag of the scale set"

    @property
    def for_all(self) -> bool:
        """Whether the tag is meant for all scale sets."""
        return self in {Source.STORE, Source.GROUP}

    def of(self, scale_set: ScaleSetName) -> str:
        """The source of a tag in force at a scale set, for people."""
        return f"{self} {scale_set}" if self is Source.LABELLED else str(self)


class Tag(NamedTuple):
    """The value of a tag, and where the tag stands."""

    value: str
    source: Source = Source.SCALE_SET


@dataclass(frozen=True, slots=True, kw_only=True)
class OuterTags:
    """The tags of a source outside the scale sets: of their resource group, or of App Configuration."""

    tags: Mapping[str, Tag] = field(default_factory=dict)  # those of scaler.model.tags, by name
    pause: Pause = Pause.NONE
    labelled: Mapping[ScaleSetName, "OuterTags"] = field(default_factory=dict)  # for one scale set, over the others
    unread: str = ""  # why they are not known, or not anew


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSetView:
    """The answer to a GET of the scale set."""

    name: ScaleSetName
    unique_id: str  # ARM's `properties.uniqueId`: a scale set made anew under the same name has another one
    capacity: int  # sku.capacity: counts every VM object, deallocated and failed ones too
    etag: str | None  # for the capacity PATCH's If-Match
    managed_by: str | None  # the tag `scaler:managed`, the operator's consent
    pause: Pause = Pause.NONE  # the tag `scaler:paused`, of the scale set or of a source outside
    tags: Mapping[str, Tag] = field(default_factory=dict)  # those of scaler.model.tags, by name
    at: datetime  # the answer's Date header (Azure's clock, whole seconds)
    sent: float  # monotonic seconds at which the question was sent

    def over(self, outer: OuterTags) -> "ScaleSetView":
        """The view with the tags of a lower rank: a tag that the view has wins, a pause of either holds."""
        own = outer.labelled.get(self.name, OuterTags())
        pause = strictest(self.pause, outer.pause, own.pause)
        return replace(self, pause=pause, tags={**outer.tags, **own.tags, **self.tags})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A look at a scale set. An order rests on a sighting and dies by the time `sent`."""

    scale_set: ScaleSetName
    unique_id: str
    at: datetime  # Date header of the answer; of the first page for a listing
    sent: float  # monotonic seconds; of the first page for a listing
    by: Method
    complete: bool  # a listing of all pages that holds at least sku.capacity minus the deleting; True if targeted
    plausible: bool  # a listing of at least half of sku.capacity; nothing destructive rests on less
    consent: bool
    pause: Pause = Pause.NONE  # from whichever side
    capacity: int
    etag: str | None
    listed: int = 0  # rows of a listing, those being deleted and those without identity too; 0 if targeted
    age: timedelta = timedelta(0)  # of a listing that another controller asked for, when this tick took it

    @property
    def machines(self) -> int:
        """How many machines hold cores: one being deleted may have left `capacity` already."""
        return max(self.capacity, self.listed)

    @property
    def orders_allowed(self) -> bool:
        """Whether any order may be given to this scale set."""
        return self.consent and self.pause is Pause.NONE

    @property
    def starts_allowed(self) -> bool:
        """Whether reserved machines may be started: a pause spares visitors who are waiting already."""
        return self.consent and self.pause is not Pause.ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Every page of a listing, from a door. `at` and `sent` belong to the first page."""

    scale_set: ScaleSetName
    instances: tuple[Instance, ...]
    unidentified: int  # rows without a vmId or id yet (being created, being deleted): counted, not named
    nameless: frozenset[str] = frozenset()  # instance ids of such rows, as far as the rows say; "?" where they do not
    requests: int  # pages asked for
    at: datetime
    sent: float

    @property
    def deleting(self) -> int:
        """How many of the listed machines are being deleted."""
        return sum(instance.provisioning is ProvisioningState.DELETING for instance in self.instances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a targeted GET: the instance behind the id, perhaps another machine; None for a 404."""

    asked: InstanceRef
    found: Instance | None
    at: datetime
    sent: float

    @property
    def instance(self) -> Instance | None:
        """The machine that was meant, or None for a gone machine (404, or another vmId behind the id)."""
        return self.found if self.found is not None and self.found.vm_id == self.asked.vm_id else None
