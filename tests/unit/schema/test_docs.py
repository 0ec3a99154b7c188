"""The resource that docs/types.md shows is one."""

import importlib.util
import re
import sys
from pathlib import Path

from rumpf.manifests import crd_for
from rumpf.manifests.breaking import breaking

DOCS = Path(__file__).parents[3] / "docs" / "types.md"


def test_the_resource_in_the_documentation_has_a_crd_that_says_what_it_says(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    path = tmp_path / "databases.py"
    path.write_text(block)
    spec = importlib.util.spec_from_file_location("databases_of_the_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where pydantic looks for the docstrings' source
    try:
        spec.loader.exec_module(module)
        crd = crd_for(module.Database)
    finally:
        del sys.modules[spec.name]
    properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert properties["spec"]["properties"]["backupEvery"]["description"] == "How often it is saved."
    assert properties["status"]["default"] == {}
    assert breaking(crd, crd) == []


def test_the_documentation_knows_every_type_that_is_offered_and_every_breaking_change() -> None:
    from typing import get_args

    from rumpf import types
    from rumpf.manifests.breaking import Change

    text = DOCS.read_text()
    parts = re.compile("Node|Pod|Preferred|LabelRequirement|ResourceClaim")
    missing = [name for name in types.__all__ if f"`{name}" not in text and not parts.match(name)]
    assert missing == []
    assert [change for change in get_args(Change) if change not in text] == []
