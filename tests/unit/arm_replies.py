"""ARM's answers for the tests of what is made of them."""

import json

from scaler.model.instance import ScaleSetName
from scaler.vmss.reply import Listed, Reply, VmBody
from scaler.vmss.translate import VMS

NAME = ScaleSetName("pixels")
VM_ID = "0A1B2C3D-0000-4000-8000-00000000000F"
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    defaults = {"date": DATE, "content-type": "application/json; charset=utf-8"}
    return Reply(status=status, headers=defaults | named, body=raw, sent=1.0)


def listed(*pages: Reply) -> Listed[VmBody]:
    """A listing of these pages."""
    rows = tuple(row for page in pages for row in page.read(VMS).value)
    return Listed(rows=rows, requests=len(pages), at=pages[0].at, sent=pages[0].sent)


def row(*codes: str, **properties: object) -> dict[str, object]:
    statuses = [{"code": each, "level": "Info", "displayStatus": "…"} for each in codes]
    shown = {
        "vmId": VM_ID,
        "provisioningState": "Succeeded",
        "instanceView": {"statuses": statuses},
        "priority": "Spot",
    }
    return {"id": "/subscriptions/…/virtualMachines/7", "instanceId": "7", "properties": shown | properties}
