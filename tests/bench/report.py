"""Numbers for people: goals, tables, and a file that keeps a section for each suite."""
import dataclasses
import datetime
import os
import platform
import re
import statistics
import sys

DISTURBED = 0.1  # of the server's core used by somebody else


@dataclasses.dataclass
class Goal:
    is_least: bool
    value: float

    def __str__(self):
        return f"{'≥' if self.is_least else '≤'} {number(self.value)}"

    def verdict(self, value):
        if value >= self.value if self.is_least else value <= self.value:
            return f"{self}, met"
        return f"{self}, missed by {abs(value / self.value - 1):.0%}"


def least(value):
    return Goal(True, value)


def most(value):
    return Goal(False, value)


def number(value):
    if abs(value) < 10:
        return f"{value:.2f}"
    if abs(value) < 100:
        return f"{value:.1f}"
    return f"{value:,.0f}".replace(",", " ")


def median_ratio(over, under):
    return statistics.median(a / b for a, b in zip(over, under))


def table(head, lines):
    """As markdown, aligned, so that it reads well in a terminal too."""
    shown, last = [], None
    for line in lines:
        shown.append([line[0] if line[0] != last else "", *line[1:]])
        last = line[0]
    widths = [max(len(line[i]) for line in [head, *shown]) for i in range(len(head))]
    is_word = [i < 2 or name == "goal" for i, name in enumerate(head)]

    def row(cells):
        return "| " + " | ".join(cell.ljust(width) if word else cell.rjust(width)
                                 for cell, width, word in zip(cells, widths, is_word)) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ("-" if word else ":")
                          for width, word in zip(widths, is_word)) + "|"
    return "\n".join([row(head), rule, *map(row, shown)])


def top_functions(profile, n):
    lines = [[function, where, number(count)] for count, function, where in profile.functions[:n]]
    return table(["function", "in", "instructions"], lines)


def unquiet(n_disturbed):
    return (f"Not a quiet machine: in {n_disturbed} runs something else used more "
            f"than {DISTURBED:.0%} of the server's core.")


def say(what):
    """Where it stands, on a terminal: one line that is overwritten."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as info:
        models = [line.split(":")[1].strip() for line in info if line.startswith("model name")]
    return (f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, "
            f"Linux {platform.release()}")


def section(title, parts):
    """What was measured, and how it came about."""
    how = " ".join(["scripts/bench", *sys.argv[1:]])
    return "\n\n".join([f"# {title}, measured {datetime.date.today()} on {machine()}",
                        f"Written by `{how}`. How it is measured: `scripts/bench --help`.",
                        *parts]) + "\n"


def write_section(path, title, parts):
    """Replaces the section of this title, or adds it; the others stay as they are."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    own = section(title, parts)
    sections = [part for part in re.split(r"^(?=# )", text, flags=re.MULTILINE) if part.strip()]
    is_own = [part.startswith(f"# {title}, measured ") for part in sections]
    kept = [own if mine else part for mine, part in zip(is_own, sections)]
    if not any(is_own):
        kept.append(own)
    path.write_text("\n".join(part.strip("\n") + "\n" for part in kept), encoding="utf-8")
