"""Every error that rumpf raises on purpose.

RumpfError
 ├─ UsageError               the command line or an argument makes no sense
 ├─ AssetError               a binary cannot be had
 │   ├─ ToolMissing          a program of this machine (go, cc, buildah...) is not there
 │   ├─ DownloadFailed       the download did not arrive
 │   ├─ ChecksumMismatch     it arrived and is not what was pinned
 │   ├─ BuildFailed          the build from source failed
 │   └─ DiskFull             no room left where it was to be written
 ├─ ClusterError             an embedded cluster does not do what was asked
 │   ├─ NodeUnsupported      this machine cannot run a real node
 │   ├─ ClusterExists        a cluster of that name is already up
 │   ├─ NoSuchCluster        no cluster of that name is up
 │   ├─ ComponentDied        a part of it ended; its last log lines are in the message
 │   ├─ StartTimeout         it did not become ready in time
 │   ├─ Interrupted          a person pressed Ctrl-C; everything was cleaned up
 │   └─ KubectlFailed        kubectl did not do it; what it said is in the message
 ├─ DeclarationError         an operator or one of its types cannot be what it says
 │   └─ SchemaError          a Python type has no counterpart in Kubernetes' schemas
 ├─ CheckFailed              what is generated differs from its source, or would break users
 ├─ InstallError             an operator cannot be installed or removed, or is not there
 ├─ ApiError                 the API server refused a request, or cannot be reached
 ├─ ImageError               an image cannot be built or loaded
 └─ FaultError               a fault cannot be injected or undone

A message has three parts: where it happened, what is wrong, what to do about it.
"""


class RumpfError(Exception):
    """An error a person can act on: `where`, `what` is wrong, and the `remedy`."""

    exit_code = 1

    def __init__(self, what: str, *, remedy: str, where: str | None = None) -> None:
        super().__init__(what, remedy, where)
        self.what = what
        self.remedy = remedy
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}\n  -> {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.remedy, self.where))


def _rebuild(kind: type[RumpfError], what: str, remedy: str, where: str | None) -> RumpfError:
    return kind(what, remedy=remedy, where=where)


class UsageError(RumpfError):
    """The command line or an argument makes no sense."""

    exit_code = 2


class AssetError(RumpfError):
    """A binary that the cluster needs cannot be had."""

    exit_code = 3


class ToolMissing(AssetError):
    """A program that should be on this machine is not."""


class DownloadFailed(AssetError):
    """A download did not arrive whole."""


class ChecksumMismatch(AssetError):
    """What arrived is not what was pinned; it was deleted."""


class BuildFailed(AssetError):
    """The build from source failed."""


class DiskFull(AssetError):
    """No room left where a binary was to be written."""


class ClusterError(RumpfError):
    """An embedded cluster does not do what was asked of it."""

    exit_code = 4


class NodeUnsupported(ClusterError):
    """This machine cannot run a real node."""


class ClusterExists(ClusterError):
    """A cluster of that name is already up."""


class NoSuchCluster(ClusterError):
    """No cluster of that name is up."""


class ComponentDied(ClusterError):
    """A component of the cluster ended; its last log lines are in the message."""


class StartTimeout(ClusterError):
    """The cluster did not become ready in time."""


class Interrupted(ClusterError):
    """A person pressed Ctrl-C while something was under way; it was cleaned up."""

    exit_code = 130


class KubectlFailed(ClusterError):
    """kubectl did not do what it was asked to; what it said is in the message."""


class DeclarationError(RumpfError):
    """An operator, or one of its types, cannot be what its declaration says."""

    exit_code = 7


class SchemaError(DeclarationError):
    """A Python type has no counterpart in Kubernetes' schemas; `where` is the field's path."""


class CheckFailed(RumpfError):
    """What is generated differs from its source, or a change would break what users have stored."""

    exit_code = 8


class InstallError(RumpfError):
    """An operator cannot be installed, does not become ready, cannot be removed, or is not there."""

    exit_code = 9


class ApiError(RumpfError):
    """The API server refused a request, or cannot be reached: then `status` is 0, else the HTTP code."""

    exit_code = 10

    def __init__(
        self,
        what: str,
        *,
        remedy: str = "",
        where: str | None = None,
        status: int = 0,
        reason: str = "",
        retry_after: float | None = None,
        causes: tuple[str, ...] = (),
        details: str = "",
    ) -> None:
        super().__init__(what, remedy=remedy, where=where)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        self.causes = causes
        """What the API server names as causes, a word each: DisruptionBudget, FieldValueInvalid."""
        self.details = details
        """What it says of these, if anything."""


class ImageError(RumpfError):
    """An image cannot be built, made or loaded."""

    exit_code = 5


class FaultError(RumpfError):
    """A fault cannot be injected, or could not be undone."""

    exit_code = 6
