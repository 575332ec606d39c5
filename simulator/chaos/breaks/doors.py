"""The doors to Redis and Azure with nothing wrong with them yet: a planted bug overrides the method it is in."""

from typing import Any

from scaler.ports import Registry, ScaleSet


class RegistryDoor:
    """A scaler.ports.Registry, by another one."""

    def __init__(self, inner: Registry) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class ScaleSetDoor:
    """A scaler.ports.ScaleSet, by another one."""

    def __init__(self, inner: ScaleSet) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
