"""How a transform can go wrong, and how far that reaches."""


class Stopped(BaseException):
    """SIGTERM; nothing may take it for an error of its own."""


class JobFailure(Exception):
    """Ends the job: no further file is tried."""


class FileFailure(Exception):
    """Ends one file; the others are still processed, as SageMaker does."""


class RequestFailure(Exception):
    """A request that was not answered as it must be."""


class ConnectionFailure(RequestFailure):
    """A request that was not answered, perhaps because the server has ended."""
