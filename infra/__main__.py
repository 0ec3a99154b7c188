"""Where Pulumi begins."""

from infra.program import program

program()
