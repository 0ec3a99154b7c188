"""Written and never read."""

from pydantic import computed_field

from rumpf import Model


class Subject(Model):
    size: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        return self.size * 2


subject = Subject
