"""A policy pack: `pulumi up --policy-pack policy`."""

from pulumi_policy import PolicyPack

from infra.policies import pack

PolicyPack("rumpf", pack())
