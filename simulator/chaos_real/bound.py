"""How long it may take, after the last mischief and the last visitor's arrival, until everything is as it should be."""

from datetime import timedelta

from emulator.latencies import Latencies
from scaler.model.edges import Actor
from scaler.model.policy import Policy
from simulator.observer.patience import Pace


def bound(policy: Policy, latencies: Latencies, pace: Pace, delete_attempts: int) -> timedelta:
    """One machine's longest way, step by step, each taking its turn behind the whole fleet.

    Somebody waits for it until their timeout, is let in, stays until the limit; its delete was ordered in vain so often
    already; another one is made in its place, stopped, marked and admitted.
    """
    fleet = max(1, sum(each.desired for each in policy.capacity.values()))
    waited = policy.reservation_timeout + policy.start_timeout
    stayed = policy.limit_of_presumed + policy.expiry_grace
    retried = min(policy.delete_retry * (1 << min(delete_attempts, 16)), policy.delete_retry_most)
    deleted = pace.rounds(Actor.CLEANER, fleet, policy.share(policy.max_deletes, fleet)) + policy.ripening
    made = pace.rounds(Actor.PROVISIONER, fleet, policy.max_surge)
    stopped = pace.rounds(Actor.PROVISIONER, fleet, policy.max_gets)
    admitted = pace.rounds(Actor.RECONCILER, fleet, policy.max_marks) + policy.look_after_mark + policy.admit_after
    seconds = (latencies.delete, latencies.create, latencies.deallocate, latencies.protect)
    worked = timedelta(seconds=sum(span[1] for span in seconds))
    return waited + stayed + retried + deleted + made + stopped + admitted + worked + policy.order_horizon
