"""ARM's answers in the model's words: pure, and lenient with words it does not know, never with whom they are about."""

import re
from dataclasses import dataclass

from msgspec.json import Decoder

from scaler.errors import Garbled, Refused
from scaler.model.instance import Instance, InstanceId, InstanceRef, Orchestration, ScaleSetName
from scaler.model.sighting import ScaleSetView
from scaler.vmss.bodies import ScaleSetBody, VmBody, decoded
from scaler.vmss.reply import Reply
from scaler.vmss.rows import etag_of, is_marked, shown, shown_id, to_row, to_rows, vm_id_of
from scaler.vmss.tags import CONSENT_TAG, paused_by, tag

UNIFORM_ID = re.compile(r"[0-9]{1,10}")

_SCALE_SET = Decoder(ScaleSetBody)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a Uniform scale set's listing."""

    instances: tuple[Instance, ...]
    unidentified: int
    nameless: frozenset[str]
    next_link: str | None


def to_page(reply: Reply, scale_set: ScaleSetName) -> Page:
    """One page. Rows that cannot be named (being created, being deleted) are counted."""
    body = to_rows(reply)
    rows = [(_instance(row, scale_set), row) for row in body.value]
    instances = tuple(instance for instance, _ in rows if instance is not None)
    return Page(
        instances=instances,
        unidentified=len(rows) - len(instances),
        nameless=frozenset(shown_id(row.instance_id) for instance, row in rows if instance is None),
        next_link=body.next_link or None,
    )


def to_instance(reply: Reply, asked: InstanceRef) -> Instance:
    """The answer of a targeted GET. Raises Garbled unless it says which VM it is, and that it is the one behind the id.

    A 200 without a vmId must never be read as "gone".
    """
    instance = _instance(to_row(reply), asked.scale_set)
    if instance is None or instance.ref.instance_id != asked.instance_id:
        raise Garbled("the answer to a GET of one instance does not say whom it is about")
    return instance


def to_scale_set(reply: Reply, expected: Orchestration) -> ScaleSetBody:
    """The scale set itself. The other orchestration is refused: its ids, lists and orders are other ones."""
    body = decoded(_SCALE_SET, reply.json)
    found = (body.properties.orchestration_mode or Orchestration.UNIFORM)[:40]  # which is older than the property
    if found.lower() != expected.lower():
        said = f"the scale set has {found} orchestration, and AZURE_VMSS_ORCHESTRATION says {expected}"
        raise Refused(f"{said}: set it to {found} (Flexible is experimental)", "OrchestrationMode")
    return body


def to_view(body: ScaleSetBody, name: ScaleSetName, reply: Reply) -> ScaleSetView:
    """The scale set in the model's words."""
    tags, etag = body.tags or {}, body.etag or reply.headers.get("etag")
    if etag and etag_of(etag) is None:  # without it, somebody else's change of the capacity would be overwritten
        raise Garbled("the scale set's etag is none")
    return ScaleSetView(
        name=name,
        unique_id=body.properties.unique_id,
        capacity=body.sku.capacity,
        etag=etag or None,
        managed_by=tag(tags, CONSENT_TAG),
        pause=paused_by(tags),
        at=reply.at,
        sent=reply.sent,
    )


def _instance(row: VmBody, scale_set: ScaleSetName) -> Instance | None:
    """None where the row does not say who it is."""
    instance_id, vm_id = row.instance_id or "", vm_id_of(row)
    if vm_id is None or not UNIFORM_ID.fullmatch(instance_id):
        return None
    ref = InstanceRef(scale_set=scale_set, instance_id=InstanceId(instance_id), vm_id=vm_id)
    return shown(row, ref, marked=is_marked(row), etag=row.etag)
