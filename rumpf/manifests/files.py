"""The files that are committed beside an operator: their names, and exactly what is in them."""

from rumpf.manifests.naming import module_of
from rumpf.manifests.rendering import render
from rumpf.manifests.text import to_yaml
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
    files = {CRDS: rendered.crds, DEPLOY: rendered.deploy}
    for sample in rendered.samples:
        name = f"example-{sample['kind'].lower()}.yaml"
        files[name] = (*files.get(name, ()), sample)
    return {name: to_yaml(manifests, heading) for name, manifests in files.items()}
