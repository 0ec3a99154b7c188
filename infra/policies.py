"""The policies of `rumpf check` for Pulumi: they see every Kubernetes object of a stack, whoever wrote it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from rumpf.manifests import policies
from rumpf.objects import Manifest

_KUBERNETES = "kubernetes:"


def pack() -> list[Policy]:
    """Return the policies. What must never be is mandatory; an image without a digest is only told."""
    of_each = [each for each in policies.POLICIES if each is not policies.all_there]
    return [
        *(_of_each(each, EnforcementLevel.MANDATORY) for each in of_each),
        _of_each(policies.images_pinned, EnforcementLevel.ADVISORY),
        _of_all(policies.all_there),
    ]


def _of_each(policy: policies.Policy, level: EnforcementLevel) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for manifest in _manifests([(args.resource_type, args.props)]):
            _report(policy, [manifest], report)

    return ResourceValidationPolicy(_name(policy), _description(policy), validate, level)


def _of_all(policy: policies.Policy) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        _report(policy, _manifests((each.resource_type, each.props) for each in args.resources), report)

    # What a stack refers to may well be somebody else's, and be there.
    return StackValidationPolicy(_name(policy), _description(policy), validate, EnforcementLevel.ADVISORY)


def _report(policy: policies.Policy, manifests: Sequence[Manifest], report: ReportViolation) -> None:
    for violation in policy(manifests):
        report(f"{violation.where}: {violation.what}\n  -> {violation.remedy}", None)


def _manifests(resources: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Manifest]:
    """Return the manifests among resources: what has a kind, which charts and the like have not."""
    found = [_plain(props) for type_, props in resources if type_.startswith(_KUBERNETES)]
    return [each for each in found if each.get("kind") and each.get("metadata")]


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value as JSON has it: the engine's own mappings and lists are no dictionaries and lists."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(each) for each in value]
    return value


def _name(policy: policies.Policy) -> str:
    return str(getattr(policy, "__name__", "policy")).replace("_", "-")


def _description(policy: policies.Policy) -> str:
    return f"{(policy.__doc__ or '').partition('.')[0]}."
