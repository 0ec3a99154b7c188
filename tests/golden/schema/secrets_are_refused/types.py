"""A secret in a spec would be there for everybody to read."""

from pydantic import SecretStr

from rumpf import Model


class Subject(Model):
    password: SecretStr


subject = Subject
