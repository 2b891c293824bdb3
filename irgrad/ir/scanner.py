"""A position in a text, moved by patterns and literals; what does not fit is shown with its line
and a caret.

A missing piece is blamed on the line that lacks it, not on the one where the next piece stands; a
bracket that nothing closes is blamed itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from irgrad.errors import IRTextError, pointer

_SPACE = re.compile(r"(?:\s+|#[^\n]*)*")


class Scanner:
    """The text, how far it has been read, and where the last piece that was read ends."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.end = 0

    def fail(self, message: str, at: int | None = None, hint: str = "") -> NoReturn:
        """An `IRTextError` that shows the place `at`, or else the position."""
        at = self.position if at is None else at
        start = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        line = self.text[start : len(self.text) if end < 0 else end]
        number = self.text.count("\n", 0, at) + 1
        raise IRTextError(f"line {number}: {message}\n{pointer(line, at - start)}", hint=hint)

    def space(self) -> None:
        """Go past white space and comments."""
        match = _SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Go past what fits a pattern, if it does."""
        self.space()
        match = pattern.match(self.text, self.position)
        if match:
            self.position = self.end = match.end()
        return match

    def expect(self, pattern: re.Pattern[str], what: str, begins: bool = False) -> str:
        """Go past what must fit a pattern; where it `begins` a line, the line that does not begin
        so is shown, not the end of the one before.
        """
        match = self.take(pattern)
        if match is None and begins and self.position < len(self.text):
            self.fail(f"expected {what}")
        if match is None:
            self.missing(what)
        return match[0]

    def accept(self, literal: str) -> bool:
        """Go past a literal, if it stands here."""
        self.space()
        if not self.text.startswith(literal, self.position):
            return False
        self.position = self.end = self.position + len(literal)
        return True

    def require(self, literal: str) -> None:
        """Go past a literal that must stand here."""
        if not self.accept(literal):
            self.missing(f"'{literal}'")

    def missing(self, what: str) -> NoReturn:
        """What does not follow the last piece."""
        self.fail(f"expected {what}", self.end if self._line_is_over() else None)

    def open(self, bracket: str) -> int:
        """Go past an opening bracket that must stand here -> its place."""
        self.require(bracket)
        return self.position - len(bracket)

    def close(self, bracket: str, opened: int) -> None:
        """Go past the bracket that closes the one at `opened`."""
        if not self.accept(bracket):
            self.unclosed(bracket, opened)

    def items(self, bracket: str, opened: int, trailing: bool = False) -> Iterator[None]:
        """One step for each item of the bracket at `opened`, to be read by the caller: between
        them go past commas (`trailing` lets one stand after the last), and then past the end.
        """
        if self.accept(bracket):
            return
        while True:
            if self.position == len(self.text):
                self.unclosed(bracket, opened)
            yield
            if self.accept(bracket):
                return
            if not self.accept(","):
                self.unclosed(f"{bracket}' or ',", opened)
            if trailing and self.accept(bracket):
                return

    def unclosed(self, expected: str, opened: int) -> NoReturn:
        """Neither the end of a bracket nor its next item follows."""
        if self._line_is_over():
            self.fail(f"'{self.text[opened]}' is never closed", opened)
        self.fail(f"expected '{expected}'")

    def _line_is_over(self) -> bool:
        """Whether nothing follows the last piece on its line."""
        self.space()
        return self.position == len(self.text) or "\n" in self.text[self.end : self.position]
