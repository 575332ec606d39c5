"""The operator's numbers. Each default stands beside its argument; `at_speed` makes all durations shorter together."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum

from scaler.model.calendar import Window
from scaler.model.instance import FailureClass, ScaleSetName, Tier
from scaler.model.sighting import Pause

_S = timedelta(seconds=1)
_MIN = timedelta(minutes=1)


class Mode(StrEnum):
    """How the number of machines of a scale set is found."""

    FIXED = "fixed"  # `desired`, in use or not
    BUFFER = "buffer"  # `buffer`, or `buffer_share` of those in use, ready beyond those in use
    AUTO = "auto"  # as many beyond those in use as visitors come while the next machine is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of one machine of a scale set per hour, in the operator's currency."""

    running: float  # starting and stopping, too
    stopped: float  # the allocation is kept: Azure bills it as if it ran
    deallocated: float  # the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How many machines one scale set should hold: a number, or a rule that gives one."""

    mode: Mode = Mode.FIXED
    desired: int = 0  # FIXED: machines of every kind: ready, reserved, in session, being deleted
    buffer: int = 2  # BUFFER: machines beyond those in use; AUTO: the same, at least
    buffer_share: float = 0.0  # BUFFER: the same as a share of those in use; the larger of the two counts
    found_at_once: float = 0.99  # AUTO: the share of visitors who find a machine ready
    least: int = 0  # BUFFER, AUTO: machines of every kind
    most: int = 20  # a wrong number of visitors must not cost more than this many machines
    warm: int = 0  # of the ready ones, how many keep their allocation: full price, started in ~10 s instead of ~100 s
    hot: int = 0  # of the ready ones, how many run and wait: full price, at once
    # `warm` is found by each listing: as many as 9 of 10 visitors need, none while nobody comes
    warm_follows: bool = False
    price: Price | None = None  # None: no cost is computed
    failure_cap: int = 0  # creations that fail within `failure_window`: as many end all creating; 0: no number does
    budget: float | None = None  # for a month of such hours as this one; None: none
    expected: int = 0  # visitors who are announced and have not come yet, beside those who come anyway
    because: str = ""  # which of these numbers are not those of the settings, and whose they are

    @property
    def limit(self) -> int:
        """The most machines. A fixed number that is larger than `most` is the limit itself."""
        return max(self.desired, self.most) if self.mode is Mode.FIXED else self.most

    @property
    def fewest_spare(self) -> int:
        """The bound of `hot`. Were all spare machines hot, all would count as in use for ever."""
        return self.desired if self.mode is Mode.FIXED else self.buffer

    @property
    def hot_target(self) -> int:
        """How many are to be hot: `hot`, but less than the spare ones, whatever windows and tags say together."""
        return max(0, min(self.hot, self.fewest_spare - 1))


class ReadyWhen(StrEnum):
    """When a machine of a scale set is ready: to be stopped after creation, and to be opened to a session."""

    RUNNING = "running"  # Azure says that it runs
    HEALTHY = "healthy"  # its Application Health extension says Healthy


FAILURE_CAPS: Mapping[ReadyWhen, int] = {ReadyWhen.RUNNING: Capacity().failure_cap, ReadyWhen.HEALTHY: 5}
"""The failure cap where the operator sets none. A new machine that never becomes Healthy runs for half an hour, and a
wrong probe would have such machines made and deleted for ever."""


class EndWhen(StrEnum):
    """The ends of a session before its limit, besides a machine at rest."""

    RELEASED = "released"  # the queue manager's word alone
    UNHEALTHY = "unhealthy"  # or the machine itself, which says for long enough that nobody is in


class Moves(StrEnum):
    """Sessions that may be moved to another machine, when their own cannot be had."""

    ATOMIC = "atomic"  # those that were reserved by our client, which follows them
    ALWAYS = "always"  # all: the queue manager follows `movedTo` in the record


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All numbers a controller may use. Durations are of the world, not of this process: `at_speed` scales them."""

    capacity: Mapping[ScaleSetName, Capacity] = field(default_factory=dict)
    weights: Mapping[ScaleSetName, int] = field(default_factory=dict)  # of scale sets that share one number; or none
    calendar: tuple[Window, ...] = ()  # times at which other numbers hold, or more visitors come
    managed_by: str = "true"  # the value of the tag scaler:managed that means consent
    pause: Pause = Pause.NONE  # the settings' word; the registry's and the tag's come on top
    regions: Mapping[ScaleSetName, str] = field(default_factory=dict)  # written into new records
    currency: str = ""  # of the prices, for people

    moves: Moves = Moves.ATOMIC
    end_when: Mapping[ScaleSetName, EndWhen] = field(default_factory=dict)  # of the others: released
    ready_when: Mapping[ScaleSetName, ReadyWhen] = field(default_factory=dict)  # RUNNING where nothing is said

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
    # the same of two looks that show a machine unhealthy: Azure shows a verdict late, by the extension's probe interval
    # times its number of probes (5 s in our example; 50 s at most, says `scaler doctor`), and observation_lag
    health_evidence: timedelta = 60 * _S
    # a visitor who was let in needs so long until the machine knows: until then "nobody is in" means nothing
    connect_timeout: timedelta = 2 * _MIN
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
    # a session whose hot machine cannot be opened for want of a replica goes on with another machine after so long
    hot_patience: timedelta = 2 * _S
    # a visitor who waited a quarter of an hour is better told the truth
    reservation_timeout: timedelta = 15 * _MIN
    # ReadyWhen.HEALTHY: from running to Healthy. Windows and an app that has run before need one to two minutes
    ready_timeout: timedelta = 5 * _MIN
    # a new machine's first run fills its shader cache, for which NVIDIA documents up to 15 minutes: twice that
    unready_bound: timedelta = 30 * _MIN
    # Azure makes a machine in five minutes, and its extension speaks within another: one that shows no health has none
    absent_grace: timedelta = 10 * _MIN
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
    # and of so long, where they are more than these explain: a rate of 20 minutes follows a crowd too slowly
    crowd_window: timedelta = 5 * _MIN
    # until the window is full, the rate is what is in use over the length of a session
    mean_session: timedelta = 20 * _MIN
    # from the order to the offer, until a machine was seen on that way
    lead_time: timedelta = 250 * _S
    # machines for an announced crowd are asked for so long before a new machine would have to be: all come at once
    crowd_early: timedelta = 15 * _MIN
    # the time between two firings of the provisioner is a part of what a visitor may have to wait for
    provisioner_every: timedelta = _MIN
    # an operator's hold of a used machine: longer ones are nobody's
    longest_hold: timedelta = timedelta(days=1)
    # a mark shows within a second: so late, marks wait for ARM's budget (4 a minute, perhaps with the capacity's)
    mark_is_late: timedelta = 10 * _S
    # and are taken to wait for so long: then a capacity is raised once in `grow_every`, since each raise costs a mark
    late_marks_kept: timedelta = 20 * _MIN
    grow_every: timedelta = 50 * _S
    # and so much later for each new machine that waits for its mark: the bucket refills by one
    grow_per_mark: timedelta = 15 * _S
    # but no later than this: marks may have a budget of their own
    grow_at_latest: timedelta = 2 * _MIN
    # a safety raised by a crowd comes back to the one of `found_at_once`: without, one crowd costs weeks
    safety_forgets: timedelta = 24 * 60 * _MIN
    # the hour that prices are per: a world that runs faster has shorter ones
    priced_hour: timedelta = 60 * _MIN
    # the cost of a session is an average of about so long: shorter, and a quiet hour looks dear
    cost_forgets: timedelta = 24 * 60 * _MIN
    # a surplus that has lasted so long is deleted; 2 or 40 minutes cost the same within 4 %, and a cold one is cheap
    surplus_kept: timedelta = 60 * _MIN
    # `Capacity.warm_follows`: a warm machine is kept until nobody has come for so long
    warm_awake: timedelta = 60 * _MIN
    # what has been warm beyond the wanted share for so long is deallocated: some minutes at the full price, no start
    # of 100 s for those who come within these; 0: at once
    warm_surplus_kept: timedelta = 10 * _MIN
    # a warm part that every listing of so long has shown too small is filled up from cold: two listings at least
    warm_lack_kept: timedelta = _MIN
    # a machine that has been Available for so long is replaced; 0: never. A guest that is patched daily needs it
    max_ready_age: timedelta = timedelta(0)
    # a machine proves from this age on that `latestModelApplied` can be true: it is made and marked in five minutes,
    # and a flag that turns false a little after the mark would have every machine replaced for ever
    model_shows: timedelta = 15 * _MIN
    # what Azure would not cool or warm for start_timeout is offered as it is for so long, until it is tried again
    claim_retry: timedelta = 30 * _MIN
    # share of the fleet that one tick may begin to delete, at least one: a wrong decision shows before it is complete
    max_deletes: float = 0.10
    # the same for records forgotten, machines condemned for their marks, and ready ones claimed to be cooled or warmed
    max_forgets: float = 0.10
    # sessions that may end by health in one tick, or a tenth of the machines, if that is more: many at once look like a
    # signalling server that is broken everywhere
    max_unhealthy: int = 3
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
    # failed creations count against `Capacity.failure_cap` for so long: what fails ten times fails an eleventh time
    failure_window: timedelta = 60 * _MIN
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
    # how often tags outside the scale sets are asked for: as fast as an operator may expect a tag to work
    tags_read_every: timedelta = _MIN
    view_kept: timedelta = 60 * _S  # how old a view of the scale set may be for starter and cleaner

    # when a started machine is looked at first, and how often then: a warm start takes 5 to 10 s, a cold one 90 to 110.
    # ARM grants 12 GETs of one machine a minute, and 36 at once
    first_look_warm: timedelta = 5 * _S
    first_look_cold: timedelta = 45 * _S
    # the wait that a visitor is told until enough waits are measured: the longer end of these
    start_takes: Mapping[Tier, timedelta] = field(
        default_factory=lambda: {Tier.HOT: _S, Tier.WARM: 10 * _S, Tier.COLD: 110 * _S}
    )
    # the same, on top, where a machine must be Healthy: from running until the app of a warmed-up image streams
    boot_takes: timedelta = 90 * _S
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

    def awaits_health(self, scale_set: ScaleSetName) -> bool:
        """Whether ready means Healthy in the scale set."""
        return self.ready_when.get(scale_set) is ReadyWhen.HEALTHY

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
        """The age of a claim at which every order resting on the claim is dead and its effect visible."""
        return self.claim_stale + self.order_horizon + self.observation_lag + self.date_resolution

    @property
    def claim_closed(self) -> timedelta:
        """The age at which no failover forgets a claim's closing, and every earlier order is dead and seen.

        By both clocks. The last order rests on a look from before the closing was written.
        """
        return max(self.ripe_after, self.order_horizon + self.observation_lag + self.date_resolution)

    @property
    def witness_gap(self) -> timedelta:
        """How far apart two Date headers must be to count as two witnesses."""
        return self.evidence + self.date_resolution

    @property
    def health_gap(self) -> timedelta:
        """How far apart two Date headers must be to count as two looks at a machine's health."""
        return self.health_evidence + self.date_resolution

    def ends_by_health(self, scale_set: ScaleSetName) -> bool:
        """Whether the health of a machine can end a session in a scale set."""
        return self.end_when.get(scale_set) is EndWhen.UNHEALTHY

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
        for name in ("failed_hold", "unattractive", "start_takes"):
            scaled[name] = {kind: lasts / speed for kind, lasts in getattr(self, name).items()}
        return replace(self, **scaled)  # type: ignore[arg-type]
