"""The operators of this repository as Pulumi components: one for all that are chosen, one for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.inputs import (
    DistributionArgs,
    InstalledOperatorArgs,
    Summary,
    args_of,
    chosen_of,
    options_of,
    summary_of,
)
from infra.registering import register
from infra.released import digests_of
from rumpf.install.installing import with_digest
from rumpf.manifests import Options, Rendered, render
from rumpf.objects import Manifest
from rumpf.project import Project, find

_ANY_OBJECT = "kubernetes:core/v1:Namespace"


class InstalledOperator(pulumi.ComponentResource):
    """One operator: its CRDs, then its namespace and rights, then the Deployment that needs them all."""

    namespace: pulumi.Output[str]
    """Where it runs."""
    image: pulumi.Output[str]
    """What it runs from."""
    crds: pulumi.Output[list[str]]
    """The CRDs of its kinds."""
    summary: pulumi.Output[Summary]
    """What was installed, and how to try it; there once its Pods are Ready."""

    def __init__(
        self,
        name: str,
        args: InstalledOperatorArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        crd_provider: kubernetes.Provider | None = None,
        digests: Mapping[str, str] | None = None,
        project: Project | None = None,
    ) -> None:
        """Register all that is installed for it.

        `crd_provider` is another provider for its CRDs. `digests`, by image, are of those that are built anew
        under the same name: Pods are replaced when that of theirs changes.
        """
        super().__init__("rumpf:index:InstalledOperator", name, {}, opts)
        found = project or _project()
        operator = found.load(args["operator"])
        options = options_of(operator, args.get("values") or {}, digests_of(found))
        rendered = render(operator, options)
        keep = args.get("keep_data", True)
        # With a cluster that the stack made, all that is on it goes. Children do not know it by themselves.
        self._gone_with = opts.deleted_with if opts else None
        of_crd = pulumi.ResourceOptions(provider=crd_provider, retain_on_delete=keep)
        crds = [self._put(each, rendered, of_crd) for each in rendered.crds]
        summary = summary_of(operator, options, rendered)
        there = self._deploy(rendered, options, crds, (digests or {}).get(summary["image"], ""))
        # Whoever reads the outputs is to find it at work.
        at_work = pulumi.Output.all(*(each.id for each in there))
        self.namespace = pulumi.Output.from_input(rendered.namespace)
        self.image = pulumi.Output.from_input(summary["image"])
        self.crds = pulumi.Output.from_input(summary["crds"])
        self.summary = at_work.apply(lambda _: summary)
        self.register_outputs(
            {"namespace": self.namespace, "image": self.image, "crds": self.crds, "summary": self.summary}
        )

    def _deploy(
        self, rendered: Rendered, options: Options, crds: list[pulumi.CustomResource], digest: str
    ) -> list[pulumi.CustomResource]:
        """Register all but the CRDs, each after what it needs; deleted, they go the other way round."""
        there: list[pulumi.CustomResource] = []
        home: list[pulumi.Resource] = []
        for manifest in rendered.deploy:
            opts = pulumi.ResourceOptions(depends_on=home)
            match manifest["kind"]:
                case "Namespace":
                    home = [self._put(manifest, rendered, opts)]
                    continue
                case "Deployment":
                    opts.depends_on = [*crds, *home, *there]
                    # Moved to another namespace, it has another Lease: the old one must not be at work still.
                    opts.delete_before_replace = True
                    # Nobody said how many: then whoever scales it decides.
                    opts.ignore_changes = ["spec.replicas"] if options.replicas is None else []
                case _:
                    pass
            there.append(self._put(with_digest(manifest, digest), rendered, opts))
        return there

    def _put(
        self, manifest: Manifest, rendered: Rendered, opts: pulumi.ResourceOptions
    ) -> pulumi.CustomResource:
        metadata = manifest["metadata"]
        place = metadata.get("namespace", "")
        elsewhere = f"{place}/" if place not in ("", rendered.namespace) else ""
        opts.parent, opts.deleted_with = self, self._gone_with
        return register(f"{self._name}/{elsewhere}{metadata['name']}", manifest, opts)


class Distribution(pulumi.ComponentResource):
    """The operators of this repository, or some of them, on one cluster."""

    installed: pulumi.Output[dict[str, Summary]]
    """What was installed, by the name of the operator; there once all Pods are Ready."""

    def __init__(
        self,
        name: str,
        args: DistributionArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        digests: Mapping[str, str] | None = None,
        project: Project | None = None,
        of_cluster: Mapping[str, Any] | None = None,
    ) -> None:
        """Register the operators, none of which waits for another.

        `of_cluster` goes to the provider that a kubeconfig makes necessary, beside the kubeconfig itself.
        `digests` are as for InstalledOperator.
        """
        super().__init__("rumpf:index:Distribution", name, {}, opts)
        found = project or _project()
        chosen = chosen_of(found, args)
        children, crd_provider = self._reached_by(name, args, of_cluster or {})
        children.deleted_with = opts.deleted_with if opts else None
        self.operators = {
            each: InstalledOperator(
                f"{name}-{each}",
                args_of(each, args),
                children,
                crd_provider=crd_provider,
                digests=digests,
                project=found,
            )
            for each in chosen
        }
        self.installed = pulumi.Output.all(**{key: one.summary for key, one in self.operators.items()})
        self.register_outputs({"installed": self.installed})

    def _reached_by(
        self, name: str, args: DistributionArgs, of_cluster: Mapping[str, Any]
    ) -> tuple[pulumi.ResourceOptions, kubernetes.Provider | None]:
        """Return what the operators are registered with, and the provider of their CRDs."""
        passed = self.get_provider(_ANY_OBJECT)
        if passed is not None and "kubeconfig" not in args and "context" not in args:
            return pulumi.ResourceOptions(parent=self), None
        shared: dict[str, Any] = dict(of_cluster)
        shared |= {key: args.get(key) for key in ("kubeconfig", "context") if key in args}
        alone = pulumi.ResourceOptions(parent=self)
        of_all = kubernetes.Provider(name, **shared, opts=alone)
        # CRDs outlive the stack, so they may be there already, and belong to whoever installed them before:
        # an earlier stack, kubectl. Taking these over is what an upgrade is; of all else it is an error.
        shared |= {"enable_patch_force": True, "upsert_existing_objects": True}
        of_crds = kubernetes.Provider(f"{name}-crds", **shared, opts=alone)
        return pulumi.ResourceOptions(parent=self, provider=of_all), of_crds


def _project() -> Project:
    return find(Path(__file__).parent)
