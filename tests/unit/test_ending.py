"""Why a session is over, in one word: every step and every reason that ends a session has a word."""

from docs.timeouts_table import WAITINGS
from scaler.model.edges import ENDINGS, Edge
from scaler.model.ending import BY_REASON, BY_STEP, Ending
from scaler.model.plan import Why


def test_every_step_that_ends_a_session_has_a_word_but_for_expire_whose_reasons_have() -> None:
    assert set(ENDINGS) - BY_STEP.keys() == {Edge.EXPIRE, Edge.MOVE}
    assert set(Ending) == {*BY_STEP.values(), *BY_REASON.values()}


def test_every_reason_of_expire_has_a_word() -> None:
    expiring = {waiting.why for waiting in WAITINGS if "EXPIRE" in waiting.then}
    assert {Why.LIMIT, Why.PRESUMED_LIMIT, Why.CAME_TO_REST, Why.EVICTED} & expiring
    assert expiring <= BY_REASON.keys()
