"""The properties by their names."""

from collections.abc import Callable, Mapping

from fuzz import reading
from fuzz.deciding import decision

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "record": reading.record,
    "notes": reading.notes,
    "member": reading.member,
    "decision": decision,
    "page": reading.page,
    "instance": reading.instance,
    "scale_set": reading.scale_set,
    "network": reading.network,
    "flexible": reading.flexible,
    "refused": reading.refused,
    "headers": reading.headers,
    "link": reading.link,
    "settings": reading.settings,
}
