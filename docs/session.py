#!/usr/bin/env python3
"""Records a session with the `netaio` command, and draws it: docs/session.svg; or, with a second argument `top`, the
screen of `netaio top` of a server under load: docs/top.svg.

    cargo build -p netaio-cli && docs/session.py target/debug/netaio && docs/session.py target/debug/netaio top

The commands are typed into real shells in real terminals (pseudo-terminals of 90 columns, that of `top` of 80 by 24);
what is drawn is what came out of them. Needs bash and nothing else, and 127.0.0.1:8888, for `top` 9100 too.
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
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


NO_STYLE = (None, False, False)


class Screen:
    """As much of a terminal as these commands use: lines of (character, (colour, bold, reversed))."""

    def __init__(self):
        self.lines, self.row, self.column, self.style = [[]], 0, 0, NO_STYLE

    def put(self, character):
        line = self.lines[self.row]
        line.extend([(" ", NO_STYLE)] * (self.column - len(line)))
        line[self.column : self.column + 1] = [(character, self.style)]
        self.column += 1

    def move(self, row):
        self.row = max(row, 0)
        while self.row >= len(self.lines):
            self.lines.append([])

    def select(self, numbers):
        colour, bold, is_reversed = self.style
        while numbers:
            number = numbers.pop(0)
            if number == 0:
                colour, bold, is_reversed = NO_STYLE
            elif number == 38 and numbers[:1] == [5]:
                colour = COLOURS.get(30 + numbers[1] % 8)
                del numbers[:2]
            elif number == 39:
                colour = None
            elif 30 <= number <= 37 or 90 <= number <= 97:
                colour = COLOURS.get(number if number < 90 else number - 60)
            elif number in (1, 22):
                bold = number == 1
            elif number in (7, 27):
                is_reversed = number == 7
        self.style = (colour, bold, is_reversed)

    def control(self, numbers, final):
        numbers = [int(number or 0) for number in numbers.split(";")] if numbers else [0]
        first = numbers[0]
        if final == "m":
            self.select(numbers)
        elif final == "K":
            del self.lines[self.row][0 if first == 2 else self.column :]
        elif final == "J" and first == 2:
            self.lines = [[] for _ in self.lines]
        elif final == "J":
            del self.lines[self.row][self.column :]
            del self.lines[self.row + 1 :]
        elif final == "H":
            self.move((first or 1) - 1)
            self.column = (numbers[1] or 1) - 1 if len(numbers) > 1 else 0
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
                if found.group(2) and "?" not in found.group(0):
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

    def text(self):
        return ["".join(character for character, _ in line) for line in self.lines]


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, command, columns=COLUMNS, rows=ROWS):
        folder = os.path.dirname(os.path.abspath(command))
        environment = {
            "PATH": folder + ":" + os.environ["PATH"],
            "PS1": PROMPT,
            "TERM": "xterm-256color",
            "HOME": "/nonexistent",
            "COLUMNS": str(columns),
            "LINES": str(rows),
        }
        self.output, self.pid, self.file = "", *pty.fork()
        if self.pid == 0:
            os.execvpe("bash", ["bash", "--noprofile", "--norc", "--noediting"], environment)
        os.set_inheritable(self.file, False)
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
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

    def read_for(self, seconds):
        """Takes what comes within a time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read()

    def send(self, text):
        os.write(self.file, text.encode() + (b"" if text < " " else b"\n"))

    def type(self, text, wanted):
        start = len(self.output)
        self.send(text)
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


def record_top(command):
    """The screen of `netaio top` while a server is asked, by more and more."""
    server, load, more, subscriber = (Terminal(command) for _ in range(4))
    server.type("netaio serve --tcp 127.0.0.1:8888 --udp 127.0.0.1:8888 --metrics 127.0.0.1:9100", "on metrics")
    top = Terminal(command, 80, 24)
    top.type("netaio top --metrics 127.0.0.1:9100 --interval 0.5", "connections")
    load.send("netaio bench --secs 60 --rate 3000 --connections 20 --ask update")
    top.read_for(4)
    subscriber.type("netaio subscribe news 'alarms/**'", "subscribed")
    more.send("netaio bench --secs 60 --rate 500 --udp")
    top.read_for(8)
    screen = Screen()
    screen.feed(top.output[top.output.index("\x1b[?1049h") :])
    end = len(top.output)
    top.send("q")
    top.wait(PROMPT, end)
    for terminal in (load, more, subscriber, server):
        terminal.type("\x03", PROMPT)
    for terminal in (top, load, more, subscriber, server):
        terminal.end()
    return screen.lines[:24]


def text_of(run, style, x, y, advance):
    """Characters of one style, as wide as they were."""
    colour, bold, is_reversed = style
    run = run if is_reversed else run.rstrip()
    width, marks = len(run) * advance, ""
    if is_reversed:
        marks = f'<rect x="{x:.1f}" y="{y - 14}" width="{width:.1f}" height="19" fill="#dcdfe4"/>'
    if not run.strip():
        return marks
    fill = "#282c34" if is_reversed else colour
    style = (f"fill:{fill};" if fill else "") + ("font-weight:bold" if bold else "")
    attributes = f' style="{style}"' if style else ""
    attributes += f' textLength="{width:.1f}"' if len(run) > 1 else ""
    return f'{marks}<text x="{x:.1f}" y="{y}" xml:space="preserve"{attributes}>{escape(run)}</text>'


def runs(line, x, y, advance):
    """A line's text, each style where it was."""
    parts, at = [], 0
    while at < len(line):
        end = at
        while end < len(line) and line[end][1] == line[at][1]:
            end += 1
        run = "".join(character for character, _ in line[at:end])
        parts.append(text_of(run, line[at][1], x + at * advance, y, advance))
        at = end
    return "".join(parts)


def draw(screens, title, columns=COLUMNS):
    """The terminals as a picture, one below the other."""
    height, margin, gap, advance = 19, 14, 10, 8.43
    width = round(columns * advance) + 2 * margin
    body, top = [], 0
    for lines in screens:
        bottom = top + len(lines) * height + 2 * margin
        body.append(f'<rect y="{top}" width="{width}" height="{bottom - top}" rx="6" fill="#282c34"/>')
        for index, line in enumerate(lines):
            body.append(runs(line, margin, top + margin + 14 + index * height, advance))
        top = bottom + gap
    total = top - gap
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" width="{width}" height="{total}">',
        f"<title>{title}</title>",
        "<style>text{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#dcdfe4}</style>",
    ]
    return "\n".join([*head, *body, "</svg>\n"])


def session(command):
    """The picture of the session."""
    screens = []
    for output in record(command):
        screen = Screen()
        screen.feed(output)
        lines = screen.lines
        while lines and "".join(character for character, _ in lines[-1]).strip() in ("", PROMPT.strip()):
            lines.pop()
        screens.append(lines)
    return draw(screens, "A session with the netaio command")


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["top"]):
        sys.exit(__doc__)
    if sys.argv[2:]:
        name, picture = "top.svg", draw([record_top(sys.argv[1])], "The screen of netaio top", 80)
    else:
        name, picture = "session.svg", session(sys.argv[1])
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(picture)
    print(path)


main()
