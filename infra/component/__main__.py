"""The components, for programs in any language: `pulumi package add` reads their types from the classes."""

from pulumi.provider.experimental import component_provider_host

from infra.distribution import Distribution, InstalledOperator
from rumpf import __version__

if __name__ == "__main__":
    component_provider_host([Distribution, InstalledOperator], "rumpf", version=__version__)
