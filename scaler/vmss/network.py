"""The addresses of some of a scale set's machines: machine by machine, or by list where that takes fewer requests."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, inf
from typing import ClassVar
from urllib.parse import quote

from msgspec.json import Decoder

from scaler.errors import Missing, Refused, ScalerError, Throttled, Unreachable
from scaler.model.instance import Addresses, InstanceRef, VmId
from scaler.ports import Together
from scaler.vmss.addresses import (
    INTERFACES,
    PUBLIC_IP,
    PUBLIC_IPS,
    InterfaceBody,
    PublicIpBody,
    configurations,
    located,
    public_by_id,
)
from scaler.vmss.calls import Calls
from scaler.vmss.gates import Kind
from scaler.vmss.listing import PageWalk
from scaler.vmss.refusals import About, refusal
from scaler.vmss.reply import Listed, Page

_BY_LIST_FOR = 600.0  # seconds: a role that has been mended is noticed by then, without a restart
# A resource id as a path of ARM: no query, no escape, and no step upwards.
_RESOURCE_ID = re.compile(r"(?:/(?!\.+(?:/|\Z))[\w.()-]{1,260}){1,40}", re.ASCII)


class Learnt:
    """Hints, shared by all callers of a process; their loss costs a few requests."""

    rows_a_page = inf  # of the list of interfaces; infinite until that list had a second page
    by_list_until = 0.0  # monotonic: Azure refused to tell a single machine's addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One caller's look at the network of a Uniform scale set, which is at paths of Compute; a subclass has others'."""

    calls: Calls
    learnt: Learnt
    providers: str
    set_id: str

    version: ClassVar = "2018-10-01"  # of these four: the one that all of Microsoft's own clients send
    requests: ClassVar = 2  # for one machine with a public address
    list_permission: ClassVar = (
        "Microsoft.Compute/virtualMachineScaleSets/networkInterfaces/read and"
        " Microsoft.Compute/virtualMachineScaleSets/publicIPAddresses/read on the scale set"
    )
    machine_permission: ClassVar = (
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces/read and Microsoft.Compute/"
        "virtualMachineScaleSets/virtualMachines/networkInterfaces/ipConfigurations/publicIPAddresses/read"
        " on the scale set (until then the lists of all machines are asked)"
    )

    @property
    def parent(self) -> str:
        """The resource below which interfaces name their machines."""
        return self.set_id

    @property
    def lists(self) -> str:
        """The path below which the two lists are."""
        return self.set_id

    def interfaces_of(self, ref: InstanceRef, until: float) -> Iterable[InterfaceBody]:
        """Ask for the interfaces of one machine."""
        path = f"{self.set_id}/virtualMachines/{ref.instance_id}/networkInterfaces"
        return self._list(path, INTERFACES, until, self.machine_permission).rows

    def addresses(
        self, refs: Sequence[InstanceRef], together: Together, capacity: int
    ) -> tuple[Mapping[VmId, Addresses | None], Sequence[ScalerError]]:
        """Where instances can be reached. What a single machine's answer refuses, the lists may tell."""
        until = self.calls.until(self.calls.client.bounds.listing)
        if not self._by_machine(len(refs), capacity):
            return self._from_lists(refs, until), ()
        answers = self._of_each(refs, together, until)
        errors = [answer for answer in answers.values() if isinstance(answer, ScalerError)]
        if (refused := next(filter(_is_about_machines, errors), None)) is not None:
            if isinstance(refused, Refused):
                self.learnt.by_list_until = self.calls.clock.monotonic() + _BY_LIST_FOR
            return self._from_lists(refs, until), (refused,)
        if len(errors) == len(refs):
            raise errors[0]
        return {vm_id: it if isinstance(it, Addresses) else None for vm_id, it in answers.items()}, errors

    def _by_machine(self, machines: int, capacity: int) -> bool:
        """Whether asking machine by machine takes no more requests than the two lists, as far as is known."""
        pages = max(1, ceil(capacity / self.learnt.rows_a_page))
        allowed = self.calls.clock.monotonic() >= self.learnt.by_list_until
        return allowed and self.requests * machines <= 2 * pages

    def _of_each(self, refs: Sequence[InstanceRef], together: Together, until: float) -> Mapping[VmId, object]:
        """The addresses of each, or an error. After a silence, or a 429, no further request is begun."""
        away: list[ScalerError] = []

        def ask(ref: InstanceRef) -> object:
            if away:
                return away[0]
            try:
                return self._of_one(ref, until)
            except ScalerError as error:
                if isinstance(error, Unreachable | Throttled):
                    away.append(error)
                return error

        answers = together([partial(ask, ref) for ref in refs])
        return {ref.vm_id: answer for ref, answer in zip(refs, answers, strict=True)}

    def _of_one(self, ref: InstanceRef, until: float) -> Addresses:
        rows = configurations(self.interfaces_of(ref, until), self.parent)
        shown = [row for row in rows if row.instance_id.lower() == ref.instance_id.lower()]
        ids = dict.fromkeys(row.public_id for row in shown if row.public_id is not None)
        public = [row for each in ids if (row := self.resource(each, PUBLIC_IP, until)) is not None]
        return next(iter(located(shown, public_by_id(public)).values()), Addresses())

    def resource[Body](self, resource_id: str, decoder: Decoder[Body], until: float) -> Body | None:
        """GET a resource that an answer has named; None for a 404, and for an id outside this subscription."""
        ours = resource_id.lower().startswith(f"/subscriptions/{self.calls.client.subscription}/".lower())
        if not ours or _RESOURCE_ID.fullmatch(resource_id) is None:
            return None
        reply = self.calls.read(Kind.NETWORK, f"{resource_id}?api-version={self.version}", until=until)
        if reply.status == 200:
            return reply.read(decoder)
        error = refusal(reply, About(permission=self.machine_permission))
        if isinstance(error, Missing):
            return None
        raise error

    def _from_lists(self, refs: Sequence[InstanceRef], until: float) -> Mapping[VmId, Addresses | None]:
        """The addresses by two lists, the second only if needed.

        The list of interfaces names public addresses by id only, and no documented option adds the addresses.
        """
        listed = self._list(f"{self.lists}/networkInterfaces", INTERFACES, until, self.list_permission)
        self.learnt.rows_a_page = ceil(len(listed.rows) / listed.requests) if listed.requests > 1 else inf
        found, public = tuple(configurations(listed.rows, self.parent)), tuple[PublicIpBody, ...]()
        if any(row.public_id for row in found):
            public = self._list(f"{self.lists}/publicIPAddresses", PUBLIC_IPS, until, self.list_permission).rows
        by_name = {name.lower(): addresses for name, addresses in located(found, public_by_id(public)).items()}
        return {ref.vm_id: by_name[name] for ref in refs if (name := ref.instance_id.lower()) in by_name}

    def _list[Row](self, path: str, page: Decoder[Page[Row]], until: float, permission: str) -> Listed[Row]:
        walk = PageWalk(self.calls, Kind.NETWORK, page, until=until, about=About(permission=permission))
        return walk.all_pages(f"{quote(path)}?api-version={self.version}")


def _is_about_machines(error: ScalerError) -> bool:
    """Whether the lists may answer all the same. A 401 is about whoever asks: the lists would say the same."""
    return isinstance(error, Missing) or (isinstance(error, Refused) and error.status != 401)
