"""It is part of every path, and English has too many of them."""

from rumpf import Resource


class Policy(Resource, group="golden.rumpf.dev", version="v1"):
    pass


subject = Policy
