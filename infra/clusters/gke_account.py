"""The services of a Google project that a cluster needs, and the account that its nodes run as."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_gcp import projects, serviceaccount

_SERVICES = ("artifactregistry", "cloudresourcemanager", "compute", "container", "iam")
_ROLE = "roles/container.defaultNodeServiceAccount"
"""Writing logs and metrics, and nothing else: what Google says a node needs."""


@dataclass(frozen=True)
class Project:
    """A project of Google Cloud."""

    name: str
    ready: Sequence[pulumi.Resource]
    """What must be there before anything is made in it."""

    @classmethod
    def enabled(cls, name: str) -> "Project":
        """Return a project whose services are enabled; they stay so, as others may use them."""
        services = [
            projects.Service(
                f"service-{each}", project=name, service=f"{each}.googleapis.com", disable_on_destroy=False
            )
            for each in _SERVICES
        ]
        return cls(name, services)


@dataclass(frozen=True)
class Account:
    """What nodes run as."""

    email: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]
    """What gives it its roles."""


def node_account(name: str, project: Project) -> Account:
    """Make an account that may do what a node must, instead of Google's usual one that may nearly all."""
    account = serviceaccount.Account(
        "nodes",
        project=project.name,
        account_id=f"{name}-nodes",
        display_name=f"Nodes of the cluster {name}",
        opts=pulumi.ResourceOptions(depends_on=project.ready),
    )
    role = projects.IAMMember(
        "nodes-role", project=project.name, role=_ROLE, member=account.email.apply(member_of)
    )
    return Account(account.email, [role])


def member_of(email: str) -> str:
    """Return how a policy names an account."""
    return f"serviceAccount:{email}"
