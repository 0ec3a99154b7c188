"""How a public name is written, as its source says: what docs/reference.md has to show."""

import ast
import importlib
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

import rumpf

_WIDTH = 100
_OURS = {"self", "cls"}


def signature(name: str) -> str:
    """Return how a public name is made, and what it then has."""
    statement = _definition(name)
    if isinstance(statement, ast.FunctionDef):
        return _called(name, statement)
    if isinstance(statement, ast.ClassDef):
        return "\n".join([*_made(statement), *map(_shown, _members(statement))])
    return _text(statement)


def words(name: str) -> set[str]:
    """Return what a public name takes, and what it has: what its entry must tell of."""
    statement = _definition(name)
    if isinstance(statement, ast.FunctionDef):
        return {each.partition(":")[0].strip("*") for each in _rows(statement.args)} - {""}
    if isinstance(statement, ast.ClassDef):
        making = _making(statement)
        taken = _rows(making.args) if making else [_text(each) for each in _fields(statement)]
        named = {each.partition(":")[0].strip("*") for each in taken} - {""}
        return named | {_name_of(member) for member in _members(statement)}
    return set()


def _definition(name: str) -> ast.stmt:
    homes: dict[str, str] = vars(rumpf)["_WHERE"]
    module = importlib.import_module(homes[name])
    for statement in ast.parse(Path(inspect.getfile(module)).read_text(encoding="utf-8")).body:
        if _name_of(statement) == name:
            return statement
    raise LookupError(name)


def _made(statement: ast.ClassDef) -> list[str]:
    bases = {ast.unparse(base) for base in statement.bases}
    making = _making(statement)
    if making is not None and making.name == "__init_subclass__":
        return [_laid_out(f"class Name({statement.name}, ", _rows(making.args), ")")]
    if making is not None:
        return [_laid_out(f"{statement.name}(", _rows(making.args), ")")]
    if "Protocol" in bases:
        return []
    if "View" in bases:
        return [f"class {statement.name}(View)"]
    return [_laid_out(f"{statement.name}(", [_text(each) for each in _fields(statement)], ")")]


def _making(statement: ast.ClassDef) -> ast.FunctionDef | None:
    functions = {each.name: each for each in statement.body if isinstance(each, ast.FunctionDef)}
    return functions.get("__init_subclass__") or functions.get("__init__")


def _fields(statement: ast.ClassDef) -> list[ast.AnnAssign]:
    """Return the fields of a data class or model."""
    fields = [each for each in statement.body if isinstance(each, ast.AnnAssign)]
    return [each for each in fields if not _of_class(each)]


def _of_class(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AnnAssign) and "ClassVar" in ast.unparse(statement.annotation)


def _members(statement: ast.ClassDef) -> Iterator[ast.stmt]:
    """Yield what objects of a class have, beside its fields."""
    fields = [] if "Protocol" in map(ast.unparse, statement.bases) else _fields(statement)
    for member in statement.body:
        name = _name_of(member)
        if name and not name.startswith("_") and name != "model_config" and member not in fields:
            yield member


def _shown(member: ast.stmt) -> str:
    if not isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
        return f".{_text(member)}"
    if any(ast.unparse(each) == "property" for each in member.decorator_list):
        return f".{member.name}: {_text(member.returns)}"
    before = "await " if isinstance(member, ast.AsyncFunctionDef) else ""
    return f"{before}.{_called(member.name, member)}"


def _name_of(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return ""


def _called(name: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return _laid_out(f"{name}(", _rows(function.args), f") -> {_text(function.returns)}")


def _laid_out(head: str, rows: Sequence[str], tail: str) -> str:
    """Put each parameter on a line of its own where all of them do not fit on one."""
    line = f"{head}{', '.join(rows)}{tail}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([head.rstrip(), *(f"    {row}," for row in rows), tail])


def _rows(arguments: ast.arguments) -> list[str]:
    defaults: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    positional = zip(arguments.args, [*defaults, *arguments.defaults], strict=True)
    rows = [_parameter(each, default) for each, default in positional if each.arg not in _OURS]
    if arguments.vararg:
        rows.append(f"*{_text(arguments.vararg)}")
    elif arguments.kwonlyargs and "cls" not in {each.arg for each in arguments.args}:
        rows.append("*")
    only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    others = [f"**{_text(arguments.kwarg)}"] if arguments.kwarg else []
    return [*rows, *(_parameter(each, default) for each, default in only), *others]


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    return f"{_text(argument)} = {_text(default)}" if default else _text(argument)


def _text(node: ast.AST | None) -> str:
    """Return its source, quoted as here, with no quotes around types and no `ClassVar` around them."""
    if node is None:
        return "None"
    return ast.unparse(_Plainly().visit(node)).replace("'", '"')


class _Plainly(ast.NodeTransformer):
    """Takes quotes from types that are named before they are there, and nothing from texts."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg, self._type(node.annotation))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        annotation = self._type(node.annotation) or node.annotation
        return ast.AnnAssign(node.target, annotation, node.value, node.simple)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if ast.unparse(node.value) == "Literal":
            return node
        inner = [self._type(each) or each for each in _elements(node.slice)]
        if ast.unparse(node.value) == "ClassVar":
            return inner[0]
        return ast.Subscript(node.value, inner[0] if len(inner) == 1 else ast.Tuple(inner), node.ctx)

    def _type(self, node: ast.expr | None) -> ast.expr | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = ast.parse(node.value, mode="eval").body
        if isinstance(node, ast.List):
            return ast.List([self._type(each) or each for each in node.elts], node.ctx)
        visited: ast.expr | None = self.visit(node) if node is not None else None
        return visited


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]
