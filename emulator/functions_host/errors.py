"""What stops the host from starting, told so that its reader can mend it."""


class CannotStart(Exception):
    """The app, its settings or the command line need a change; the message says which one."""
