"""Why no package was made, told so that its reader can mend it."""


class CannotPackage(Exception):
    """Something about the repository, the lock or this machine needs a change; the message says what."""


class NoIndex(CannotPackage):
    """The package index does not answer, or has nothing of what is locked."""
