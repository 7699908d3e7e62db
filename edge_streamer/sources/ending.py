"""The two ways in which a source's work ends before its program does."""


class SourceStopped(Exception):  # noqa: N818  # not an error: the reader has stopped the source
    """The receiver sent `stop`, or closed the socket or the pipe. Exit status 0."""


class SourceError(Exception):
    """The source cannot continue; its text is one clear sentence for operators. Exit status 1."""
