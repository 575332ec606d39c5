"""The rules of the protocol that can be taken away, one by one."""

from enum import StrEnum


class Rule(StrEnum):
    """What docs/protocol.md says of it is its value."""

    MARK = "nothing is admitted unmarked, and nothing unmarked is started or opened"
    ORDER_HORIZON = "ADMIT waits until every order given before the mark was seen is dead"
    GET_BEFORE_STOP = "the provisioner's stop rests on a targeted GET, not on a listing"
    GET_BEFORE_MARK = "a mark is asked for only where a targeted GET shows that there is none"
    YOUNG_PLAN = "a tick's time is taken after its looks, and what it decided is written soon after, or not at all"
    TWO_CLOCKS = "what has to be old is old by Redis' clock and by Azure's"
    COMPARE_AND_SET = "a write is accepted only where record and notes are what they were when it was decided"
    SAME_SERVER = "a tick writes only to the very Redis server that it read from"
    TAKES_AT_RESERVE = "RESERVE takes the key out of `available`, or fails"
    TAKES_AT_MOVE = "MOVE takes the other machine's key out of `available`, or fails"
    TAKES_AT_CLAIM = "a claim takes the key out of `available`, or fails"
    TAKES_AT_SPEND = "SPEND takes the key out of `available`, or fails"
    REPAIR_AFTER = "a key that is missing from `available` is put back only after `repair_after`"
    NOTES_BEAT_RECORD = "what the notes call spent is spent, whatever the record says"
    RESTORE_OPENED = "a Reserved record on a machine that was opened is a late write, and is undone"
    NAMED_WHILE_WAITING = "an id that appears where there was none is that session's while it waits, and no longer"
    OWN_SESSION = "while it runs, a machine is deleted only when its own session has ended, or its limit is over"
    RIPENING = "a delete of what was Reserved or Available waits until a failover cannot forget its note"
    NOTE_BEFORE_START = "the note of a start is written before the order"
    CONFIRMED = "and a replica has the note of a start before the order is given"
    OWN_START = "OPEN only with a start note for this very session"
    NEVER_ADMIT_UNKNOWN = "what is marked and unknown is never admitted"
    PRESUME = "what is marked, runs and is unexplained is presumed to be somebody's session"
    TWO_LOOKS_GONE = "gone is what two looks, far enough apart, do not find"
    TWO_LOOKS_REST = "a session ends at rest only by two looks, far enough apart"
    GET_BEFORE_EXPIRE = "the second of them is a targeted GET"
    KEPT_YOUNG = "a listing serves further controllers for less than two witnesses are apart"
    KEPT_IS_NO_GET = "however young a kept listing is, it never counts as a targeted GET"
    HEALTH_TWICE = "a session ends by health only by two looks, far enough apart"
    HEALTH_GET = "the second of these two looks is a targeted GET"
    HEALTH_AFTER_CONNECT = "both come after the time that a visitor who was let in needs to connect"
    HEALTH_KNOWN = "only Unhealthy counts: a machine that says nothing is not called unhealthy"
    GET_BEFORE_DELETE = "a delete rests on a targeted GET"
    REFUSAL_KEPT = "a refusal is kept until its reader had time"
    LIMITS = "every session has a limit, and so has what is presumed"
    INDEX_REPAIR = "a key that somebody took and died with is put back"
    CLAIM_RIPENS = "an order under a claim waits until a failover cannot forget the claim"
    CLAIM_RENEWED = "an order under a claim rests on one that is still young: else it is renewed first"
    CLAIM_OUTLIVES = "a claim ends only when every order under it is dead"
    CLAIM_CLOSES = "a claim under which a machine may run ends in two steps: it gives no order any more; and is over"
    CLAIM_BARS = "what is claimed is neither started nor opened"
    HOT_CONFIRMED = (
        "a machine that was heated is opened only after a replica has its start note, by a WAIT of that tick"
    )
    HEATED_IS_STRICT = "whatever was heated is opened like that, also where it was at rest when its start was noted"
    HOT_MOVES_UNSTARTED = "for want of a replica a hot machine is given up only while it has no start note"
    REMARK_RIPENS = "what was heated and lost its mark is marked again only when no failover can forget the loss"
    HEALTHY_AT_REST = "where Healthy is asked for, a new machine is stopped only by a GET that shows Healthy"
    HEALTH_OF_THIS_RUN = "Healthy counts where it was said in this run: Azure may show the last one's"
    OPENING_NOTE = "a machine that was Healthy is noted as opening, on a replica, and then opened whatever its health"
    GIVEN_UP_RUNNING = "what runs and is given up after a failover is deleted like what is presumed"
    MOVE_IN_ONE_WRITE = "MOVE writes both machines in one moment, or neither"
    ONLY_FOLLOWERS_MOVE = "only a session whose queue manager would follow is moved"


type Rules = frozenset[Rule]

ALL: Rules = frozenset(Rule)
