#!/usr/bin/env python3
"""Records a session with the `netaio` command, and draws it: docs/session.svg.

    cargo build -p netaio-cli && docs/session.py target/debug/netaio

The commands are typed into real shells in three real terminals (pseudo-terminals of 90 columns); what is drawn is
what came out of them. Needs bash and nothing else, and 127.0.0.1:8888.
"""
import os
import pty
import re
import select
import sys
import time
from html import escape

COLUMNS, ROWS = 90, 60
PROMPT = "$ "
# In which terminal, what is typed, and a text that comes then: the prompt, where the command ends.
STEPS = [
    (0, "netaio serve", "listening"),
    (2, 'netaio create greeting --content "hello"', PROMPT),
    (1, "netaio subscribe greeting --changes --count 2", "subscribed"),
    (2, 'netaio update greeting --content "good day"', PROMPT),
    (2, "netaio request greeting", PROMPT),
    (2, "netaio delete greeting", PROMPT),
    (2, "netaio request greeting", PROMPT),
    (0, "\x03", PROMPT),
]
# Of a dark terminal.
COLOURS = {30: "#5c6370", 31: "#e06c75", 32: "#98c379", 33: "#e5c07b", 34: "#61afef", 35: "#c678dd", 36: "#56b6c2"}


class Screen:
    """As much of a terminal as these commands use: lines of (character, colour)."""

    def __init__(self):
        self.lines, self.row, self.column, self.colour = [[]], 0, 0, None

    def put(self, character):
        line = self.lines[self.row]
        line.extend([(" ", None)] * (self.column - len(line)))
        line[self.column : self.column + 1] = [(character, self.colour)]
        self.column += 1

    def move(self, row):
        self.row = max(row, 0)
        while self.row >= len(self.lines):
            self.lines.append([])

    def control(self, numbers, final):
        numbers = [int(number or 0) for number in numbers.split(";")] if numbers else [0]
        first = numbers[0]
        if final == "m":
            for number in numbers:
                if number in (0, 39):
                    self.colour = None
                elif 30 <= number <= 37 or 90 <= number <= 97:
                    self.colour = COLOURS.get(number if number < 90 else number - 60)
        elif final == "K":
            del self.lines[self.row][0 if first == 2 else self.column :]
        elif final == "J":
            del self.lines[self.row][self.column :]
            del self.lines[self.row + 1 :]
        elif final == "A":
            self.move(self.row - (first or 1))
        elif final == "B":
            self.move(self.row + (first or 1))
        elif final == "G":
            self.column = max(first - 1, 0)

    def feed(self, text):
        at = 0
        while at < len(text):
            found = re.compile(r"\x1b\[([0-9;]*)[?]?[0-9;]*([A-Za-z])|\x1b\[\?[0-9;]*[a-z]|\x1b[=>]").match(text, at)
            if found:
                if found.group(2):
                    self.control(found.group(1), found.group(2))
                at = found.end()
                continue
            character = text[at]
            if character == "\n":
                self.move(self.row + 1)
            elif character == "\r":
                self.column = 0
            elif character == "\b":
                self.column = max(self.column - 1, 0)
            elif character >= " ":
                self.put(character)
            at += 1


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, command):
        folder = os.path.dirname(os.path.abspath(command))
        environment = {
            "PATH": folder + ":" + os.environ["PATH"],
            "PS1": PROMPT,
            "TERM": "xterm-256color",
            "HOME": "/nonexistent",
            "COLUMNS": str(COLUMNS),
            "LINES": str(ROWS),
        }
        self.output, self.pid, self.file = "", *pty.fork()
        if self.pid == 0:
            os.execvpe("bash", ["bash", "--noprofile", "--norc", "--noediting"], environment)
        os.set_inheritable(self.file, False)
        self.wait(PROMPT, 0)

    def read(self):
        """Takes what has come, for a tenth of a second at least."""
        while select.select([self.file], [], [], 0.1)[0]:
            try:
                self.output += os.read(self.file, 65536).decode(errors="replace")
            except OSError:
                return

    def wait(self, wanted, start):
        """Reads until a text has come."""
        end = time.monotonic() + 60
        while wanted not in self.output[start:]:
            if time.monotonic() > end:
                sys.exit(f"{wanted!r} has not come:\n{self.output}")
            self.read()

    def type(self, text, wanted):
        start = len(self.output)
        os.write(self.file, text.encode() + (b"" if text < " " else b"\n"))
        self.wait(wanted, start)

    def end(self):
        self.read()
        os.write(self.file, b"exit\n")
        end = len(self.output)
        self.read()
        self.output = self.output[:end]
        os.close(self.file)
        os.waitpid(self.pid, 0)


def record(command):
    """What comes out of three shells in which the steps are typed."""
    terminals = [Terminal(command) for _ in range(3)]
    for number, typed, wanted in STEPS:
        terminals[number].type(typed, wanted)
        for terminal in terminals:
            terminal.read()
    # The last one of a subscription ends it.
    terminals[1].wait(PROMPT, len(PROMPT) + 2)
    for terminal in terminals:
        terminal.end()
    return [terminal.output for terminal in terminals]


def spans(line):
    """A line's text in its colours."""
    parts, text, colour = [], "", None
    for character, its in [*line, (None, None)]:
        if character is None or its != colour:
            if text:
                fill = f' fill="{colour}"' if colour else ""
                parts.append(f"<tspan{fill}>{escape(text)}</tspan>")
            text, colour = "", its
        text += character or ""
    return "".join(parts)


def draw(screens):
    """The terminals as a picture, one below the other."""
    height, margin, gap = 19, 14, 10
    width = round(COLUMNS * 8.43) + 2 * margin
    body, top = [], 0
    for lines in screens:
        bottom = top + len(lines) * height + 2 * margin
        body.append(f'<rect y="{top}" width="{width}" height="{bottom - top}" rx="6" fill="#282c34"/>')
        for index, line in enumerate(lines):
            y = top + margin + 14 + index * height
            body.append(f'<text x="{margin}" y="{y}" xml:space="preserve">{spans(line)}</text>')
        top = bottom + gap
    total = top - gap
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" width="{width}" height="{total}">',
        "<title>A session with the netaio command</title>",
        "<style>text{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#dcdfe4}</style>",
    ]
    return "\n".join([*head, *body, "</svg>\n"])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    screens = []
    for output in record(sys.argv[1]):
        screen = Screen()
        screen.feed(output)
        lines = screen.lines
        while lines and "".join(character for character, _ in lines[-1]).strip() in ("", PROMPT.strip()):
            lines.pop()
        screens.append(lines)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "session.svg")
    with open(path, "w", encoding="utf-8") as file:
        file.write(draw(screens))
    print(path)


main()
