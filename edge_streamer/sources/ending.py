"""The two ways in which a source's work ends before its program does."""


class SourceStopped(Exception):  # noqa: N818  # no error: the reader wants no more
    """The receiver sent `stop`, closed the socket or is gone. Exit status 0."""


class SourceError(Exception):
    """The source cannot go on; its text is the one clear sentence that operators read. Exit status 1."""
