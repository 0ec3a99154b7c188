"""Tests of the Pulumi program need Pulumi's packages, which `nox -s infra` installs."""

import importlib
import importlib.util
import warnings

_THERE = importlib.util.find_spec("pulumi_kubernetes") is not None

collect_ignore_glob = [] if _THERE else ["*"]

if _THERE:
    with warnings.catch_warnings():
        # A class of theirs has a misspelt name, and they say so when any class is asked for.
        warnings.simplefilter("ignore", DeprecationWarning)
        _ = importlib.import_module("pulumi_gcp.compute").Network
