"""Operators for OLM: declaration and release in, bundles and catalogs out; and a check of both."""

from rumpf.olm.bundle import Bundle, bundle_of
from rumpf.olm.package import Package
from rumpf.olm.release import Place, Release
from rumpf.olm.versions import Version

__all__ = ["Bundle", "Package", "Place", "Release", "Version", "bundle_of"]
