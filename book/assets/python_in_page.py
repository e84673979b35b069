"""The checks of exercises, translated to JavaScript, so that a page without Python gives the very same explanations.

A check that a page asks may use what is translated here: functions of plain numbers, texts, lists and dictionaries, in
this package; what a function without arguments returns is computed when the page is built. Anything else is refused.
"""

import ast
import inspect
import json
import numbers
import textwrap

import numpy as np

BUILT_IN = (
    *(
        "abs",
        "all",
        "any",
        "bool",
        "dict",
        "divmod",
        "enumerate",
        "float",
        "int",
        "isinstance",
        "len",
        "list",
        "map",
        "max",
    ),
    *("min", "range", "repr", "set", "sorted", "str", "sum", "tuple", "zip", "ValueError", "TypeError"),
)
OURS = ("right", "wrong", "as_numbers", "is_whole_number", "index", "Stop", "log")  # written for the page by hand
METHODS = ("append", "capitalize", "count", "get", "index", "items", "join", "keys", "startswith", "values")
OPERATORS = {ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
HELPED = {ast.Add: "add", ast.FloorDiv: "floordiv", ast.Mod: "mod"}
ORDER = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
EQUAL = {ast.Eq: "py.eq", ast.Is: "py.eq", ast.In: "py.has"}
EQUAL |= {ast.NotEq: "!py.eq", ast.IsNot: "!py.eq", ast.NotIn: "!py.has"}


class Untranslatable(Exception):
    """A check uses something that the page cannot do: put it into a function without arguments, or leave it out."""


def translate(check):
    """Return JavaScript, after which the check is the function `run`; `py` of python_in_page.js must be there.

    Args:
        check: a function that `convbook.checks.check` has made.
    """
    script = _Script()
    script.add(check.__wrapped__)
    lines = [f"const {name} = {value};" for name, value in script.constants.items()]
    return "\n".join([*lines, *script.functions.values(), f"const run = {_name(check.__wrapped__)};"])


def _name(function):
    return f"{function.__module__.split('.')[-1]}_{function.__name__}"


def literal(value):
    """Return a Python value as JavaScript.

    >>> literal({"a": (1, 2.5), 3: None})
    'py.dict([["a", py.tuple([1, 2.5])], [3, null]])'
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool | str | numbers.Number):
        return json.dumps(value.item() if isinstance(value, np.generic) else value, ensure_ascii=False)
    if isinstance(value, dict):
        pairs = ", ".join(f"[{literal(key)}, {literal(each)}]" for key, each in value.items())
        return f"py.dict([{pairs}])"
    if not isinstance(value, list | tuple | set | range):
        raise Untranslatable(f"a value of type {type(value).__name__}")
    items = f"[{', '.join(map(literal, value))}]"
    return items if isinstance(value, list) else f"py.{'set' if isinstance(value, set) else 'tuple'}({items})"


class _Script:
    """The functions and constants that a check needs, each once."""

    def __init__(self):
        self.functions, self.constants = {}, {}

    def add(self, function):
        if _name(function) not in self.functions:
            self.functions[_name(function)] = ""  # so that functions may call each other
            tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
            self.functions[_name(function)] = _Function(self, function, tree).text
        return _name(function)


class _Function:
    def __init__(self, script, function, tree):
        self.script, self.function, self.locals = script, function, set()
        places = inspect.signature(function).parameters.values()
        names = [place.name for place in places]
        arguments = [p.name if p.default is p.empty else f"{p.name} = {literal(p.default)}" for p in places]
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.locals.add(node.id)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                self.locals.add(node.name)
        declared = "".join(f"let {name};" for name in sorted(self.locals - set(names)))
        self.locals |= set(names)
        self.text = f"function {_name(function)}({', '.join(arguments)}) {{{declared}{self.block(tree.body)}}}"

    def block(self, statements):
        return " ".join(self.statement(each) for each in statements)

    def statement(self, node):
        match node:
            case ast.Expr(value=ast.Constant()):
                return ""
            case ast.Expr(value=value):
                return f"{self.value(value)};"
            case ast.Return(value=value):
                return f"return {self.value(value)};"
            case ast.Assign(targets=[target], value=value):
                return f"{self.target(target)} = {self.value(value)};"
            case ast.AugAssign(target=target, op=op, value=value):
                return f"{self.value(target)} = {self.value(ast.BinOp(target, op, value))};"
            case ast.If(test=test, body=body, orelse=orelse):
                return f"if ({self.truth(test)}) {{{self.block(body)}}} else {{{self.block(orelse)}}}"
            case ast.For(target=target, iter=iterated, body=body, orelse=[]):
                return f"for ({self.target(target)} of py.iter({self.value(iterated)})) {{{self.block(body)}}}"
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=[argument])):
                return f"throw py.error({name!r}, {self.value(argument)});"
            case ast.Try(body=body, handlers=[ast.ExceptHandler(type=kinds, name=name, body=caught)], orelse=[]):
                names = [each.id for each in getattr(kinds, "elts", [kinds])]
                kept = f"{name} = error.message;" if name else ""
                guard = f"if (!{json.dumps(names)}.includes(error.kind)) throw error;"
                return f"try {{{self.block(body)}}} catch (error) {{{guard}{kept}{self.block(caught)}}}"
        raise Untranslatable(f"{self.function.__qualname__}: {ast.unparse(node)}")

    def target(self, node):
        if isinstance(node, ast.Tuple):
            return f"[{', '.join(map(self.target, node.elts))}]"
        if isinstance(node, ast.Starred):
            return f"...{self.target(node.value)}"
        return node.id if isinstance(node, ast.Name) else self.value(node)

    def truth(self, node):
        return f"py.truth({self.value(node)})"

    def many(self, items):
        return ", ".join(self.value(each) for each in items)

    def value(self, node):
        match node:
            case ast.Constant(value=value):
                return literal(value)
            case ast.Name(id=name):
                return name if name in self.locals else self.known(name)
            case ast.Starred(value=value):
                return f"...py.iter({self.value(value)})"
            case ast.Tuple(elts=items):
                return f"py.tuple([{self.many(items)}])"
            case ast.List(elts=items):
                return f"[{self.many(items)}]"
            case ast.Set(elts=items):
                return f"py.set([{self.many(items)}])"
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                return f"py.dict([{', '.join(f'[{self.value(k)}, {self.value(v)}]' for k, v in pairs)}])"
            case ast.JoinedStr(values=parts):
                return f"[{self.many(parts)}].join('')"
            case ast.FormattedValue(value=value, conversion=conversion, format_spec=spec):
                text = spec.values[0].value if spec else ""
                return f"py.format({self.value(value)}, {text!r}, {str(conversion == ord('r')).lower()})"
            case ast.NamedExpr(target=target, value=value):
                return f"({target.id} = {self.value(value)})"
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return f"({self.truth(test)} ? {self.value(body)} : {self.value(orelse)})"
            case ast.BoolOp(op=op, values=values):
                helper = "and" if isinstance(op, ast.And) else "or"
                return f"py.{helper}({', '.join(f'() => {self.value(each)}' for each in values)})"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"!{self.truth(operand)}"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"(-{self.value(operand)})"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return f"({self.value(left)} {OPERATORS[type(op)]} {self.value(right)})"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in HELPED:
                return f"py.{HELPED[type(op)]}({self.value(left)}, {self.value(right)})"
            case ast.Compare(left=left, ops=operators, comparators=others):
                pairs = zip([left, *others], operators, others, strict=False)
                return f"({' && '.join(self.compared(*each) for each in pairs)})"
            case ast.Subscript(value=value, slice=ast.Slice(lower=lower, upper=upper, step=step)):
                bounds = ", ".join(self.value(each) if each else "null" for each in (lower, upper, step))
                return f"py.slice({self.value(value)}, {bounds})"
            case ast.Subscript(value=value, slice=at):
                return f"py.at({self.value(value)}, {self.value(at)})"
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                found = self.loops(node.generators, f"[{self.value(node.elt)}]")
                return f"py.set({found})" if isinstance(node, ast.SetComp) else found
            case ast.DictComp(key=key, value=value, generators=generators):
                return f"py.dict({self.loops(generators, f'[[{self.value(key)}, {self.value(value)}]]')})"
            case ast.Call():
                return self.call(node)
            case ast.Attribute(value=value, attr=name):
                return self.known(ast.unparse(node)) if self.is_module(value) else f"{self.value(value)}.{name}"
        raise Untranslatable(f"{self.function.__qualname__}: {ast.unparse(node)}")

    def compared(self, left, operator, right):
        if type(operator) in ORDER:
            return f"{self.value(left)} {ORDER[type(operator)]} {self.value(right)}"
        return f"{EQUAL[type(operator)]}({self.value(left)}, {self.value(right)})"

    def loops(self, generators, innermost):
        first, *others = generators
        inside = self.loops(others, innermost) if others else innermost
        for test in first.ifs:
            inside = f"({self.truth(test)} ? {inside} : [])"
        return f"py.iter({self.value(first.iter)}).flatMap(({self.target(first.target)}) => {inside})"

    def is_module(self, node):
        return isinstance(node, ast.Name) and inspect.ismodule(self.function.__globals__.get(node.id))

    def call(self, node):
        if isinstance(node.func, ast.Attribute) and not self.is_module(node.func.value):
            if node.func.attr not in METHODS:
                raise Untranslatable(f"{self.function.__qualname__}: the method {node.func.attr}")
            return f"py.method({self.value(node.func.value)}, {node.func.attr!r}, [{self.many(node.args)}])"
        name = ast.unparse(node.func)
        called = self.found(name)
        if inspect.isfunction(called) and called.__name__ not in OURS:
            if not inspect.signature(called).parameters:
                return self.constant(called.__name__, called())
            places = list(inspect.signature(called).parameters)[len(node.args) :] if node.keywords else []
            given = {word.arg: self.value(word.value) for word in node.keywords}
            arguments = [*map(self.value, node.args), *(given.get(place, "undefined") for place in places)]
            return f"{self.known(name)}({', '.join(arguments)})"
        named = [word.value for word in node.keywords if word.arg != "strict"]
        if inspect.isclass(called) and hasattr(called, "_fields"):
            return f"py.named({list(called._fields)}, [{self.many(node.args)}])"
        return f"{self.known(name)}({self.many([*node.args, *named])})"

    def found(self, name):
        """Return what a name, or module.name, stands for."""
        first, *rest = name.split(".")
        found = self.function.__globals__.get(first)
        for each in rest:
            found = getattr(found, each)
        return found

    def known(self, name):
        """Return JavaScript for a name that is no variable of the function."""
        found, last = self.found(name), name.split(".")[-1]
        if (found is None and name in BUILT_IN) or last in OURS:
            return f"py.{last}"
        if inspect.isclass(found):
            return f"py.{last}"
        if inspect.isfunction(found):
            if not found.__module__.startswith("convbook."):
                raise Untranslatable(f"{self.function.__qualname__}: {name}")
            return self.script.add(found)
        if found is None:
            raise Untranslatable(f"{self.function.__qualname__}: {name}")
        return self.constant(last, found)

    def constant(self, name, value):
        key = f"{self.function.__module__.split('.')[-1]}_{name.lstrip('_')}_value"
        self.script.constants[key] = literal(value)
        return key
