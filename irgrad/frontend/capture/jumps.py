"""`break`, `continue` and `return` without jumps: what they skip stands in the other branch of an
`if`, or is guarded by a flag, and a loop that can be left says by which flag.

So a body of a loop or branch runs from its first statement to its last, as a region must. Where the
conditions are known while a function is lowered so are the flags, and Python's `if` looks at
them."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence
from typing import Any

from irgrad.frontend.capture.names import inside, suspends
from irgrad.frontend.capture.rewrite import begin
from irgrad.frontend.capture.syntax import children, walk

RESULT, DONE = "__result__", "__done__"
"""What a function returns from inside a loop, and whether it has."""
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LOOPS = (ast.For, ast.While)
_JUMPS = (ast.Return, ast.Break, ast.Continue)
Block = list[ast.stmt]
Kind = Callable[[Any, bool], bool]


def is_skip(name: str) -> bool:
    """Whether a variable says that the rest of a step is skipped: no later step reads it."""
    return name.startswith("__skip")


def is_flag(name: str) -> bool:
    """Whether a variable is one of those that stand for jumps."""
    return name in (RESULT, DONE) or name.startswith(("__skip", "__stop"))


def stop_of(loop: ast.For | ast.While) -> str | None:
    """The flag that says that a loop has been left."""
    return getattr(loop, "stop", None)


def is_guard(node: ast.If) -> bool:
    """Whether a branch has in it what follows a jump."""
    return getattr(node, "guard", False)


def without_jumps(statements: Block) -> Block:
    """The statements of a function, whose returns are the last statements of branches; a generator,
    and one that jumps out of a `finally`, stays as it is.
    """
    if not any(isinstance(node, _JUMPS) or _binds_in_test(node) for node in inside(statements)):
        return statements
    if suspends(statements) or any(map(_leaves_finally, inside(statements))):
        return statements
    function = _Function()
    made = function.block(statements, tail=True)
    return [*function.flag(DONE, False, statements[0]), *made] if function.flagged else made


class _Loop:
    """A loop around: its flags, and whether the one for the rest of the step is needed."""

    def __init__(self, stop: str | None, skip: str | None) -> None:
        self.stop, self.skip = stop, skip
        self.skips = False


class _Function:
    """Rewrites the statements of one function."""

    def __init__(self) -> None:
        self.loops: list[_Loop] = []
        self.number = 0
        self.flagged = False

    def block(self, statements: Sequence[ast.stmt], tail: bool = False) -> Block:
        """Statements that run one after the other; in a `tail` the function ends where they do."""
        made: Block = []
        work = list(statements)
        while work:
            node = work.pop(0)
            if isinstance(node, _JUMPS):
                return [*made, *self.jump(node, tail)]
            if isinstance(node, _LOOPS):
                made += self.loop(node)
                work[:0] = _else(node, made[-1])
                if _is_endless(node):
                    return [*made, *self.returned(node, tail)]
                if _jumps(node.body, _returns):
                    return [*made, *self.guarded(node, work, tail)]
            elif not _jumps([node], _leaves):
                made.append(self.within(node))
            elif isinstance(node, ast.If) and (chosen := self.chosen(node, work, tail)):
                return [*made, chosen]
            else:
                made.append(self.within(node))
                return [*made, *self.guarded(node, work, tail)]
        return made

    def jump(self, node: ast.stmt, tail: bool) -> Block:
        """One of the jumps."""
        if not isinstance(node, ast.Return):
            return self.leave(node, isinstance(node, ast.Break))
        if tail:
            return [node]
        self.flagged = True
        given = node.value or ast.copy_location(ast.Constant(None), node)
        result = ast.Assign([ast.Name(RESULT, ast.Store())], given)
        begin(result.targets[0], node)
        done = self.flag(DONE, True, node)
        return [ast.copy_location(result, node), *done, *self.leave(node, True)]

    def leave(self, node: ast.stmt, stops: bool) -> Block:
        """Skip the rest of this step of the innermost loop, or stop it."""
        if not self.loops:
            return []
        loop = self.loops[-1]
        names = [loop.stop if stops else None, loop.skip]
        return [flag for name in names if name for flag in self.flag(name, True, node)]

    def returned(self, node: ast.stmt, tail: bool) -> Block:
        """What follows a loop that only a return leaves."""
        if not tail:
            return self.leave(node, True)
        return [ast.copy_location(ast.Return(_name(RESULT, node)), node)]

    def chosen(self, node: ast.If, rest: Block, tail: bool) -> ast.stmt | None:
        """An `if` with what follows it in the branch that does not jump; None where both may go
        on.
        """
        arms = [node.body, node.orelse]
        jumping = [_always_jumps(arm) for arm in arms]
        if rest and not any(jumping):
            return None
        arms = [arm if jumps else [*arm, *rest] for arm, jumps in zip(arms, jumping, strict=True)]
        made: list[Block] = [self.block(arm, tail) for arm in arms]
        if tail:
            made = [_returning(arm, node) for arm in made]
        return _like(node, body=made[0] or _nothing(node), orelse=made[1], guard=True)

    def guarded(self, node: ast.stmt, rest: Block, tail: bool) -> Block:
        """What follows a statement that may have jumped."""
        if tail:
            other = _returning(self.block(rest, True), node)
            return [_if(_name(DONE, node), self.returned(node, tail), other, node)]
        if isinstance(node, _LOOPS) or not self.loops:
            out = self.leave(node, True)
            made = self.block(rest)
            return [_if(_name(DONE, node), out, made, node)] if out or made else []
        self.loops[-1].skips = bool(rest) or self.loops[-1].skips
        made = self.block(rest)
        return [_if(_name(self.loops[-1].skip or "", node), [], made, node)] if made else []

    def loop(self, node: ast.For | ast.While) -> Block:
        """A loop, and before it the flag by which it is left; its `else` is taken out."""
        self.number += 1
        number = self.number
        if _binds_in_test(node):
            node = _with_test_inside(node)
        stop = f"__stop{number}__" if _jumps(node.body, _breaks) else None
        body = self.step(node, _Loop(stop, None))
        if body is None:
            skip = f"__skip{number}__"
            body = [*self.flag(skip, False, node), *(self.step(node, _Loop(stop, skip)) or [])]
        made = _like(node, body=body or _nothing(node), orelse=[])
        made.stop = stop
        return [*(self.flag(stop, False, node) if stop else []), made]

    def step(self, node: ast.For | ast.While, loop: _Loop) -> Block | None:
        """The body of a loop; None where it must have a flag for the rest of a step, and has
        none.
        """
        self.loops.append(loop)
        body = self.block(node.body)
        self.loops.pop()
        return None if loop.skips and loop.skip is None else body

    def within(self, node: Any) -> Any:
        """A compound statement, its blocks rewritten."""
        if isinstance(node, _SCOPES):
            return node
        blocks = {
            name: self.block(statements)
            for name, statements in ast.iter_fields(node)
            if isinstance(statements, list) and statements and isinstance(statements[0], ast.stmt)
        }
        if isinstance(node, ast.Try) and node.orelse and _jumps(node.body, _leaves):
            flag = self.loops[-1].skip if self.loops else DONE
            if self.loops:
                self.loops[-1].skips = True
            blocks["orelse"] = [_if(_name(flag or "", node), [], blocks["orelse"], node)]
        if isinstance(node, ast.Try):
            return _like(node, **blocks, handlers=list(map(self.within, node.handlers)))
        if isinstance(node, ast.Match):
            return _like(node, cases=list(map(self.within, node.cases)))
        if not blocks:
            return node
        if "body" in blocks:
            blocks["body"] = blocks["body"] or _nothing(node)
        return _like(node, **blocks)

    def flag(self, name: str, value: bool, where: ast.AST) -> Block:
        """`name = value`."""
        made = ast.Assign([ast.Name(name, ast.Store())], ast.Constant(value))
        for part in (made, made.targets[0], made.value):
            begin(part, where)
        return [made]


def _binds_in_test(node: ast.AST) -> bool:
    """Whether what a `while` asks for binds a variable that its body may read."""
    if not isinstance(node, ast.While) or node.orelse:
        return False
    return any(isinstance(inner, ast.NamedExpr) for inner in walk(node.test))


def _with_test_inside(node: Any) -> Any:
    """`while True: if not test: break`."""
    test, stop, certain = ast.UnaryOp(ast.Not(), node.test), ast.Break(), ast.Constant(True)
    leave = ast.If(test, [stop], [])
    for made in (test, stop, certain, leave):
        begin(made, node.test)
    return _like(node, test=certain, body=[leave, *node.body])


def _is_endless(node: ast.For | ast.While) -> bool:
    """Whether a loop ends by a return or never."""
    if not isinstance(node, ast.While) or not isinstance(node.test, ast.Constant):
        return False
    leaves = _jumps(node.body, _returns) and not _jumps(node.body, _only_breaks)
    return bool(node.test.value) and leaves


def _only_breaks(node: ast.stmt, in_loop: bool) -> bool:
    return isinstance(node, ast.Break) and not in_loop


def _returns(node: ast.stmt, in_loop: bool) -> bool:
    return isinstance(node, ast.Return)


def _breaks(node: ast.stmt, in_loop: bool) -> bool:
    return isinstance(node, ast.Return) or (isinstance(node, ast.Break) and not in_loop)


def _leaves(node: ast.stmt, in_loop: bool) -> bool:
    return isinstance(node, ast.Return) or (isinstance(node, _JUMPS) and not in_loop)


def _jumps(nodes: Sequence[ast.AST], kind: Kind, inner: bool = False) -> bool:
    """Whether a jump of a kind is in statements; `inner` says that a loop in them is around it."""
    for node in nodes:
        if isinstance(node, _JUMPS) and kind(node, inner):
            return True
        if isinstance(node, (*_SCOPES, ast.expr)):
            continue
        if isinstance(node, _LOOPS):
            if _jumps(node.body, kind, True) or _jumps(node.orelse, kind, inner):
                return True
        elif _jumps(children(node), kind, inner):
            return True
    return False


def _always_jumps(statements: Sequence[ast.stmt]) -> bool:
    last = statements[-1] if statements else None
    if isinstance(last, ast.If):
        return _always_jumps(last.body) and _always_jumps(last.orelse)
    return isinstance(last, _JUMPS)


def _leaves_finally(node: ast.AST) -> bool:
    return isinstance(node, ast.Try) and _jumps(node.finalbody, _leaves)


def _else(loop: ast.For | ast.While, made: ast.stmt) -> Block:
    """What stood in the `else` of a loop, as what follows it."""
    stop = getattr(made, "stop", None)
    if not loop.orelse or stop is None:
        return loop.orelse
    test = ast.UnaryOp(ast.Not(), _name(stop, loop.orelse[0]))
    begin(test, loop.orelse[0])
    return [ast.copy_location(ast.If(test, loop.orelse, []), loop.orelse[0])]


def _returning(statements: Block, where: ast.stmt) -> Block:
    """Statements that return, None where they did not."""
    last = statements[-1] if statements else None
    if isinstance(last, ast.Return) or (isinstance(last, ast.If) and _always_jumps([last])):
        return statements
    end = ast.Return(ast.Constant(None))
    begin(end, where)
    begin(end.value, where)
    return [*statements, end]


def _if(test: ast.expr, then: Block, other: Block, where: ast.stmt) -> ast.stmt:
    """`if test`, with a branch that may be empty."""
    if not then:
        test, then, other = ast.UnaryOp(ast.Not(), test), other, []
        begin(test, where)
    made: Any = ast.If(test, then, other)
    begin(made, where)
    made.guard = True
    return made


def _name(name: str, where: ast.AST) -> ast.expr:
    made = ast.Name(name, ast.Load())
    begin(made, where)
    return made


def _nothing(where: ast.stmt) -> Block:
    made = ast.Pass()
    begin(made, where)
    return [made]


def _like(node: Any, **fields: Any) -> Any:
    made = copy.copy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    return made
