"""What keeps a run from starting, or from going on, told so that its reader can mend it."""


class SetupFailed(Exception):
    """A part is missing, or does not work; the message says which, and how to get it."""
