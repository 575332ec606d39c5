"""Clients that are killed (SIGKILL) while they reserve: no machine may be lost, or given to two sessions."""

from collections import Counter
from collections.abc import Iterator
from itertools import count
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from random import Random
from time import sleep

import redis

from benchmarks.redis_costs import KEYS, Server
from benchmarks.rows import Bound, Row
from benchmarks.slow import Slow, wire
from scaler.model.instance import SessionId
from scaler.model.row import Status
from scaler.registry.reservations import Reservations
from simulator.parts.redis_server import redis_server

KILLS = 200
FREE = 50
WITHIN = 0.01  # seconds: some three reservations, each cancelled again
DICE = Random(1)


def reserve_for_ever(port: int, name: str, begun: Event) -> None:
    """The client: it reserves and cancels until it is killed."""
    reservations = Reservations(redis.Redis(port=port), KEYS)
    for number in count():
        session = SessionId(f"{name}-{number}")
        assert reservations.reserve(session) is not None
        begun.set()
        reservations.cancel(session)


def is_wrong(server: Server) -> bool:
    """Whether a machine is in no index or in two, or not where its record says, or a session has two machines."""
    rows = server.registry.read().rows
    sessions = Counter(row.readable.session_id for row in rows.values() if row.readable and row.readable.session_id)
    misplaced = (row.readable is None or row.index != {row.readable.status} for row in rows.values())
    return len(rows) != FREE or any(misplaced) or any(times > 1 for times in sessions.values())


def figures(slow: Slow) -> Iterator[Row]:
    """How many of the kills left something wrong behind."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    wrong = 0
    with redis_server() as running, wire(running.port, slow.rtt) as port:
        server = Server(port)
        server.refill(FREE)
        for kill in range(KILLS):
            begun = context.Event()
            client = context.Process(target=reserve_for_ever, args=(port, f"client-{kill}", begun), daemon=True)
            client.start()
            begun.wait()
            sleep(DICE.uniform(0, WITHIN) + DICE.random() * slow.rtt.total_seconds())
            client.kill()
            client.join()
            if is_wrong(server):
                wrong += 1
                server.refill(FREE)
            elif not server.client.scard(KEYS.index(Status.AVAILABLE)):
                server.refill(FREE)
    name = f"machines lost or given twice by {KILLS} SIGKILLs"
    yield Row(name=name, unit="kills", ours=wrong, goal=0, bound=Bound.MOST)
