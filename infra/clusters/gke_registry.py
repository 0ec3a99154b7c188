"""Artifact Registry: where the nodes of a GKE cluster pull the operators' image from."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_gcp import artifactregistry

from infra.clusters.gke_account import Account, Project, member_of
from infra.settings import GkeValues
from rumpf.operator import IMAGE


@dataclass(frozen=True)
class Images:
    """Where images are."""

    image: str | None
    """What the operators run from; None: their own image."""
    address: str
    """Where to push to, or to pull from; empty where there is no repository."""
    ready: Sequence[pulumi.Resource]
    """What must be there before the first pull."""


def registry(values: GkeValues, region: str, project: Project, nodes: Account) -> Images:
    """Make the repository that the config asks for, readable by the nodes and not by everybody.

    A mirror fetches the public image when it is first pulled, so that nothing need be pushed, and nodes need
    no way into the internet for it.
    """
    if values.registry == "none":
        return Images(None, "", ())
    host, path = IMAGE.split("/", 1)
    mirror = values.registry == "mirror"
    repository = artifactregistry.Repository(
        "registry",
        project=project.name,
        location=region,
        repository_id=values.name,
        format="DOCKER",
        description=f"The operators' image{f', from {host}' if mirror else ''}",
        mode="REMOTE_REPOSITORY" if mirror else "STANDARD_REPOSITORY",
        remote_repository_config={
            "description": host,
            "common_repository": {"uri": f"https://{host}"},
        }
        if mirror
        else None,
        docker_config=None if mirror else {"immutable_tags": True},
        opts=pulumi.ResourceOptions(depends_on=project.ready, protect=values.deletion_protection),
    )
    reader = artifactregistry.RepositoryIamMember(
        "registry-nodes",
        project=project.name,
        location=region,
        repository=repository.name,
        role="roles/artifactregistry.reader",
        member=nodes.email.apply(member_of),
    )
    address = f"{region}-docker.pkg.dev/{project.name}/{values.name}"
    image = f"{address}/{path if mirror else path.rpartition('/')[2]}"
    return Images(image, address, (repository, reader))
