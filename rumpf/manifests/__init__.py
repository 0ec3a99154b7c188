"""What is installed for an operator: declaration in, plain dictionaries out; nothing asks a cluster."""

from rumpf.manifests.crd import crd_for
from rumpf.manifests.files import files_of
from rumpf.manifests.options import Options
from rumpf.manifests.rendering import Rendered, render
from rumpf.manifests.text import from_yaml, to_yaml

__all__ = ["Options", "Rendered", "crd_for", "files_of", "from_yaml", "render", "to_yaml"]
