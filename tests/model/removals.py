"""For each rule the world in which it is missed when it is taken away."""

from collections.abc import Mapping
from functools import cache

from model import scenarios
from model.rules import Rule, Rules
from model.search import Found, Search
from model.world import Scenario

MISSED_IN: Mapping[Rule, Scenario] = {
    Rule.MARK: scenarios.BIRTH,
    Rule.ORDER_HORIZON: scenarios.BIRTH,
    Rule.GET_BEFORE_STOP: scenarios.BIRTH,
    Rule.GET_BEFORE_MARK: scenarios.FORGOTTEN,
    Rule.YOUNG_PLAN: scenarios.STALLED,
    Rule.TWO_CLOCKS: scenarios.BIRTH,
    Rule.COMPARE_AND_SET: scenarios.OVERLAP,
    Rule.SAME_SERVER: scenarios.HELD,
    Rule.TAKES_AT_RESERVE: scenarios.MOVING,
    Rule.TAKES_AT_MOVE: scenarios.MOVING,
    Rule.TAKES_AT_CLAIM: scenarios.COOLING,
    Rule.TAKES_AT_SPEND: scenarios.SPENT,
    Rule.REPAIR_AFTER: scenarios.MOVING,
    Rule.INDEX_REPAIR: scenarios.QUEUES,
    Rule.NOTES_BEAT_RECORD: scenarios.LATE,
    Rule.RESTORE_OPENED: scenarios.LATE,
    Rule.NEVER_ADMIT_UNKNOWN: scenarios.FLUSH,
    Rule.PRESUME: scenarios.FLUSH,
    Rule.LIMITS: scenarios.FLUSH,
    Rule.NAMED_WHILE_WAITING: scenarios.NAMED_LATE,
    Rule.OWN_SESSION: scenarios.FLUSH,
    Rule.RIPENING: scenarios.FAILOVER,
    Rule.NOTE_BEFORE_START: scenarios.FAILOVER,
    Rule.CONFIRMED: scenarios.FAILOVER,
    Rule.OWN_START: scenarios.UNCONFIRMED,
    Rule.TWO_LOOKS_GONE: scenarios.WITNESSES,
    Rule.TWO_LOOKS_REST: scenarios.WITNESSES,
    Rule.GET_BEFORE_EXPIRE: scenarios.WITNESSES,
    Rule.KEPT_YOUNG: scenarios.SHARED,
    Rule.KEPT_IS_NO_GET: scenarios.SHARED,
    Rule.HEALTH_TWICE: scenarios.HEALTH,
    Rule.HEALTH_GET: scenarios.HEALTH,
    Rule.HEALTH_AFTER_CONNECT: scenarios.HEALTH,
    Rule.HEALTH_KNOWN: scenarios.HEALTH,
    Rule.GET_BEFORE_DELETE: scenarios.FLUSH,
    Rule.REFUSAL_KEPT: scenarios.WITNESSES,
    Rule.CLAIM_RIPENS: scenarios.SLOW,
    Rule.CLAIM_RENEWED: scenarios.STALLED,
    Rule.CLAIM_OUTLIVES: scenarios.COOLING,
    Rule.CLAIM_CLOSES: scenarios.WARMED,
    Rule.CLAIM_BARS: scenarios.COOLING,
    Rule.HEALTHY_AT_REST: scenarios.GATED_BIRTH,
    Rule.HEALTH_OF_THIS_RUN: scenarios.GATED_START,
    Rule.OPENING_NOTE: scenarios.GATED_START,
    Rule.GIVEN_UP_RUNNING: scenarios.GATED_UNCONFIRMED,
    Rule.HOT_CONFIRMED: scenarios.HOT_FAILOVER,
    Rule.HEATED_IS_STRICT: scenarios.HOT_UNCONFIRMED,
    Rule.HOT_MOVES_UNSTARTED: scenarios.HOT_MOVED,
    Rule.REMARK_RIPENS: scenarios.HOT_UNMARKED,
    Rule.MOVE_IN_ONE_WRITE: scenarios.MOVING,
    Rule.ONLY_FOLLOWERS_MOVE: scenarios.MOVING,
}

# The same about machines that run before anybody reserves them.
HOT_TOO: Mapping[Rule, Scenario] = {
    Rule.CLAIM_RIPENS: scenarios.HOT_COOLED,
    Rule.CLAIM_BARS: scenarios.HOT_NAIVE,
    Rule.CLAIM_CLOSES: scenarios.HOT_COOLED_UNCONFIRMED,
    Rule.HEALTH_AFTER_CONNECT: scenarios.HOT_HEALTH,
}

# Two locks on one door: either of them holds it alone, and only without both it opens.
TOGETHER: Mapping[Rule, Rule] = {
    Rule.NOTES_BEAT_RECORD: Rule.OWN_START,
    Rule.TAKES_AT_CLAIM: Rule.CLAIM_BARS,
    Rule.OPENING_NOTE: Rule.GIVEN_UP_RUNNING,
}


def without(rule: Rule) -> Rules:
    """The rules to remove for showing that the protocol needs `rule`: some need a second removal."""
    return frozenset({rule, TOGETHER.get(rule, rule)})


@cache
def kept(name: str) -> Found:
    """What happens in a scenario with all its rules."""
    return Search(scenarios.SCENARIOS[name]).run()


@cache
def missed(rule: Rule) -> Found:
    """What happens without it."""
    return Search(MISSED_IN[rule], without(rule)).run()


@cache
def missed_hot(rule: Rule) -> Found:
    """What happens without it to a hot machine."""
    return Search(HOT_TOO[rule], frozenset({rule})).run()
