"""What Azure refuses, in the words of scaler.errors: by the scaler's own table, as if it had come over the wire."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from emulator.refusals import ArmError, NoAnswer
from scaler.errors import Unreachable
from scaler.vmss.refusals import About, refusal
from scaler.vmss.reply import Reply


@contextmanager
def translated(about: About | None = None) -> Iterator[None]:
    """Azure's refusals become the scaler's errors. `about`: the machines that the call names."""
    try:
        yield
    except NoAnswer:
        raise Unreachable("no answer") from None
    except ArmError as error:
        raise refusal(_as_it_comes(error), about) from None


def _as_it_comes(error: ArmError) -> Reply:
    fault = {"code": error.code, "message": error.message, "details": [{"code": error.detail}]}
    body = json.dumps({"error": fault}).encode()
    return Reply(status=error.status, headers=error.headers, body=body, sent=0)
