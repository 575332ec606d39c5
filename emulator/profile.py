"""What somebody chose for a scale set when it was made, and what cannot be changed afterwards."""

from dataclasses import dataclass
from enum import StrEnum

from emulator.region import Region


class Orchestration(StrEnum):
    """How a scale set holds its VMs."""

    UNIFORM = "Uniform"  # they are parts of it; their ids are numbers
    FLEXIBLE = "Flexible"  # they are VMs of the resource group as well; their ids are their names


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The scale set's model, as far as it matters here."""

    orchestration: Orchestration = Orchestration.UNIFORM
    public_ips: bool = True  # every instance has a public IP of its own
    cores: int = 36  # of one VM: Standard_NV36ads_A10_v5
    region: Region | None = None  # None: one of its own
