"""The files that are committed beside an operator: their names, and exactly what is in them."""

from rumpf.manifests.naming import module_of
from rumpf.manifests.rendering import Rendered, render
from rumpf.manifests.text import to_yaml
from rumpf.objects import Manifest
from rumpf.operator import Operator

CRDS = "crd.yaml"
DEPLOY = "operator-deploy.yaml"
MADE = "Made by `rumpf render --write"
"""How the first line of a file begins that is ours to replace."""


def files_of(operator: Operator) -> dict[str, str]:
    """Return the text of each file in an operator's `k8s` folder, by its name."""
    rendered = render(operator)
    source = f"{module_of(operator).replace('.', '/')}/operator.py"
    heading = f"{MADE} {operator.name}` from {source}: edit that, not this."
    files = {CRDS: rendered.crds, DEPLOY: rendered.deploy, **sample_files(rendered)}
    return {name: to_yaml(manifests, heading) for name, manifests in files.items()}


def sample_files(rendered: Rendered) -> dict[str, tuple[Manifest, ...]]:
    """Return the samples by the files that they are in: one for each kind of the operator's own.

    What is of another kind is with the sample that follows it, as it is needed there; the last with the last.
    """
    files: dict[str, tuple[Manifest, ...]] = {}
    beside: tuple[Manifest, ...] = ()
    name = ""
    for sample in rendered.samples:
        beside = (*beside, sample)
        if sample in rendered.own_samples:
            name = f"example-{sample['kind'].lower()}.yaml"
            files[name] = (*files.get(name, ()), *beside)
            beside = ()
    if beside:
        files[name] = (*files[name], *beside)
    return files
