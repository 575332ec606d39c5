"""The operator's numbers. Each default stands beside its argument; `at_speed` makes all durations shorter together."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum

from scaler.model.instance import FailureClass, ScaleSetName
from scaler.model.sighting import Pause

_S = timedelta(seconds=1)
_MIN = timedelta(minutes=1)


class Mode(StrEnum):
    """How the number of machines of a scale set is found."""

    FIXED = "fixed"  # `desired`, in use or not
    BUFFER = "buffer"  # `buffer`, or `buffer_share` of those in use, ready beyond those in use
    AUTO = "auto"  # as many beyond those in use as visitors come while the next machine is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one scale set should hold."""

    mode: Mode = Mode.FIXED
    desired: int = 0  # FIXED: machines of every kind: ready, reserved, in session, being deleted
    buffer: int = 2  # BUFFER: machines beyond those in use; AUTO: the same, at least
    buffer_share: float = 0.0  # BUFFER: the same as a share of those in use; the larger of the two counts
    found_at_once: float = 0.99  # AUTO: the share of visitors who find a machine ready
    least: int = 0  # BUFFER, AUTO: machines of every kind
    most: int = 20  # a wrong number of visitors must not cost more than this many machines
    warm: int = 0  # of the ready ones, how many keep their allocation: full price, started in ~10 s instead of ~100 s


class Moves(StrEnum):
    """Sessions that may be moved to another machine, when their own cannot be had."""

    ATOMIC = "atomic"  # those that were reserved by our client, which follows them
    ALWAYS = "always"  # all: the queue manager follows `movedTo` in the record


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All numbers a controller may use. Durations are of the world, not of this process: `at_speed` scales them."""

    capacity: Mapping[ScaleSetName, Capacity] = field(default_factory=dict)
    managed_by: str = "true"  # the value of the tag scaler:managed that means consent
    pause: Pause = Pause.NONE  # the settings' word; the registry's and the tag's come on top
    regions: Mapping[ScaleSetName, str] = field(default_factory=dict)  # written into new records

    moves: Moves = Moves.ATOMIC

    # an order given later than this after the look it rests on was sent is not given: the SDK's time-outs included
    order_horizon: timedelta = 45 * _S
    # the same for the stop of an unmarked machine, for which ADMIT waits: a GET and a call take a second or two
    stop_horizon: timedelta = 15 * _S
    # a stop with less time left for its call is not given: a slow call would take that of the younger ones beside it
    stop_call: timedelta = 10 * _S
    # so long may a process be stopped between an order's last check and its sending, until ADMIT is too early
    pause_forgiven: timedelta = 10 * _S
    # how far a targeted GET may lag behind ARM's truth
    observation_lag: timedelta = 10 * _S
    # Date headers and our notes of them have whole seconds: so much may two of them lie. Not scaled by speed.
    date_resolution: timedelta = _S
    # Redis may lose up to 30 s of acknowledged writes in a failover: a note this old is there to stay
    ripening: timedelta = 30 * _S
    # a plan that is not written so soon after its `now` is not written at all: its notes would look older than they are
    plan_kept: timedelta = 10 * _S
    # two witnesses of an absence are this far apart: a listing may miss a machine while the set mutates
    evidence: timedelta = 30 * _S
    # what a naive queue manager may need from SPOP to SET: until then a missing index entry is left missing
    repair_after: timedelta = 2 * _MIN
    # refusals of one machine's mark until it is given up
    mark_attempts: int = 5
    # Azure's own create retries end within 30 minutes
    creating_timeout: timedelta = 30 * _MIN
    # a cold start takes about 100 s; three times that is no longer a slow start
    start_timeout: timedelta = 5 * _MIN
    # a third failure of one machine will not be followed by a success
    start_attempts: int = 3
    # a visitor let in without an address can often not connect: a throttled or silent look is tried again for so long
    address_patience: timedelta = 20 * _S
    # a visitor who waited a quarter of an hour is better told the truth
    reservation_timeout: timedelta = 15 * _MIN
    # 0: sessions are not limited, as long as the queue manager releases them
    session_limit: timedelta = 60 * _MIN
    # for a machine that runs and nobody knows why, where session_limit is off
    presumed_limit: timedelta = 60 * _MIN
    # a session is not ended on the second: clocks and observers get a minute
    expiry_grace: timedelta = 60 * _S
    # how long a refused visitor may need to read the refusal, or a queue manager to follow a moved session
    refusal_kept: timedelta = 10 * _MIN
    # creates per tick and scale set, or a tenth of its machines, if that is more: a wrong setting should not cost more
    max_surge: int = 10

    # Mode.AUTO (facts: some 79,000 simulated runs): the starts of so long give the rate of arrivals
    demand_window: timedelta = 20 * _MIN
    # until the window is full, the rate is what is in use over the length of a session
    mean_session: timedelta = 20 * _MIN
    # from the order to the offer, until a machine was seen on that way
    lead_time: timedelta = 250 * _S
    # the time between two firings of the provisioner is a part of what a visitor may have to wait for
    provisioner_every: timedelta = _MIN
    # a safety raised by a crowd comes back to the one of `found_at_once`: without, one crowd costs weeks
    safety_forgets: timedelta = 24 * 60 * _MIN
    # a surplus that has lasted so long is deleted; 2 or 40 minutes cost the same within 4 %, and a cold one is cheap
    surplus_kept: timedelta = 60 * _MIN
    # what Azure would not deallocate for start_timeout is offered warm for so long, until it is tried again
    cool_retry: timedelta = 30 * _MIN
    # share of the fleet that one tick may begin to delete, at least one: a wrong decision shows before it is complete
    max_deletes: float = 0.10
    # the same for records forgotten, machines condemned for their marks, and warm ones claimed to be cooled
    max_forgets: float = 0.10
    # when most marked machines are unknown at once, Redis is wrong or empty: somebody may bring it back
    flush_hold: timedelta = 10 * _MIN
    # capacity above what is listed for so long is an operation that Azure lost
    capacity_stuck: timedelta = 10 * _MIN
    # Azure refused a capacity: until then only what fits is asked for. All of it again costs one request, no machine
    refused_hold: timedelta = 10 * _MIN
    failed_hold: Mapping[FailureClass, timedelta] = field(
        default_factory=lambda: {
            FailureClass.QUOTA: 60 * _MIN,  # only the operator can end it; hammering does not
            FailureClass.ALLOCATION: 10 * _MIN,  # a sold-out region recovers in tens of minutes; a retry costs a create
            FailureClass.SKU: 60 * _MIN,  # a size that is not sold here is not sold a minute later
            FailureClass.OTHER: 2 * _MIN,  # often a passing fault: make a new one soon
        }
    )
    # after a start failed for want of capacity: no session is moved to a cold machine of that scale set (as long as in
    # Karpenter's Azure provider; a successful start ends the wait sooner)
    unattractive: Mapping[FailureClass, timedelta] = field(
        default_factory=lambda: {
            FailureClass.QUOTA: 10 * _MIN,  # somebody else's machine may have given cores back
            FailureClass.ALLOCATION: 60 * _MIN,  # who is sold out stays so for tens of minutes
            FailureClass.SKU: 23 * 60 * _MIN,  # a restriction, not a shortage
            FailureClass.OTHER: timedelta(0),  # that machine's own trouble
        }
    )
    # a delete that Azure accepted shows within a minute: twice that, then doubled up to the hour
    delete_retry: timedelta = 2 * _MIN
    delete_retry_most: timedelta = 60 * _MIN
    delete_attempts: int = 5  # then each further delete raises an alarm: by then an hour has passed
    # a delete that has been under way for so long is an operation that Azure lost
    delete_lost: timedelta = 10 * _MIN

    # ARM's budget per scale set: 10 instance views a minute, 12 PUTs in the bucket (facts: throttling)
    max_marks: int = 10  # per tick
    max_gets: int = 10  # targeted GETs per tick
    # unstarted machines looked at in one tick: visitors wait for these GETs, and ARM grants 2,000 a minute
    max_start_looks: int = 50
    cleaner_lists_every: timedelta = 30 * _S
    # how old a listing that another controller of the process asked for may be: most of the order horizon is left
    listing_kept: timedelta = 20 * _S
    # how soon to ask again while another controller is listing
    listing_soon: timedelta = _S
    # a tick begins no further look after so long: orders that rest on its first look need the rest of the horizon
    looks_for: timedelta = 35 * _S
    # a controller that could not look at a scale set for so long says so in an alarm
    unseen_alarm: timedelta = 5 * _MIN
    view_kept: timedelta = 60 * _S  # how old a view of the scale set may be for starter and cleaner

    # when a started machine is looked at first, and how often then: a warm start takes 5 to 10 s, a cold one 90 to 110.
    # ARM grants 12 GETs of one machine a minute, and 36 at once
    first_look_warm: timedelta = 5 * _S
    first_look_cold: timedelta = 45 * _S
    look_every_warm: timedelta = _S  # until three times the first; what nobody answered is asked again as soon
    look_every: timedelta = 5 * _S
    # after a mark by an operator's adoption: the next listing that can show it
    look_after_mark: timedelta = 15 * _S
    # a new machine is looked at from so long after its creation, or its deallocation, began: Azure needs 100 and 45 s
    follow_made_after: timedelta = 60 * _S
    follow_deallocated_after: timedelta = 40 * _S
    # and again after so long, or after a share of what it has taken already: the looks delay a new machine by one
    # hundredth. ARM grants 12 GETs of one machine a minute, and 36 at once: a creation of 250 s takes 70
    follow_every: timedelta = 1.5 * _S
    follow_share: float = 0.02
    # the same where it waits for its mark: a mark shows in 0.3 s, or is held back by ARM's bucket for minutes
    mark_shows: timedelta = 0.2 * _S
    rest_share: float = 0.2
    # how often the reconciler asks how far the machines are that the provisioner follows
    follow_made: timedelta = 10 * _S

    @property
    def admit_after(self) -> timedelta:
        """How long after the mark was first seen every stop of the unmarked machine is dead, by Azure's clock."""
        return self.stop_horizon + self.observation_lag + self.date_resolution + self.pause_forgiven

    @property
    def id_kept_for(self) -> timedelta:
        """How long after a machine was first seen behind its instance id every order to its predecessor is dead."""
        return self.order_horizon + self.observation_lag + self.date_resolution

    @property
    def ripe_after(self) -> timedelta:
        """The age at which a note has surely been there for `ripening`, also if written a little late."""
        return self.ripening + self.plan_kept

    @property
    def claim_stale(self) -> timedelta:
        """The age of a claim's latest renewal from which no order may rest on the claim: the claim is renewed first.

        `claim_stale` and `claim_over` are measured by Azure's clock, which no failover can put forward.
        """
        return self.ripe_after + self.order_horizon

    @property
    def claim_over(self) -> timedelta:
        """The age of a claim at which every order that rested on the claim is dead and its effect can be seen."""
        return self.claim_stale + self.order_horizon + self.observation_lag + self.date_resolution

    @property
    def witness_gap(self) -> timedelta:
        """How far apart two Date headers must be to count as two witnesses."""
        return self.evidence + self.date_resolution

    @property
    def limit_of_presumed(self) -> timedelta:
        """How long a machine that runs for unknown reasons is left alone."""
        return self.session_limit or self.presumed_limit

    def share(self, fraction: float, fleet_size: int) -> int:
        """A breaker's number: a share of the fleet, at least 1."""
        return max(1, int(fraction * fleet_size))

    def at_speed(self, speed: float) -> "Policy":
        """The same policy in a world that runs `speed` times faster (the local run). Counts and shares stay."""
        scaled: dict[str, object] = {
            setting.name: getattr(self, setting.name) / speed
            for setting in fields(self)
            if isinstance(getattr(self, setting.name), timedelta) and setting.name != "date_resolution"
        }
        for name in ("failed_hold", "unattractive"):
            scaled[name] = {failure: hold / speed for failure, hold in getattr(self, name).items()}
        return replace(self, **scaled)  # type: ignore[arg-type]
