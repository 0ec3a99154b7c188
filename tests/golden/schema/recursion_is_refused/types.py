"""A structural schema has an end; the error says where it goes round."""

from rumpf import Model


class Folder(Model):
    name: str
    folders: list["Folder"] = []


class Subject(Model):
    top: Folder


subject = Subject
