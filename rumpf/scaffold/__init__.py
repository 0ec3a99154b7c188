"""What a new operator starts with: an operator that works, small enough to be read, in every part tested."""

from rumpf.scaffold.plan import Plan, plan

__all__ = ["Plan", "plan"]
