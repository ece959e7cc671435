"""What the checkers have in common: finding the sources, reading C, and telling what is wrong."""
import argparse
import pathlib
import re
import sys

FLOORS = {"base": 0, "proto": 1, "io": 1, "serve": 2, "coro": 2, "app": 3, "conf": 4, "daemon": 5}

TOKEN = re.compile(r"""
    (?P<string> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) |
    (?P<block> /\*.*?\*/ ) |
    (?P<line> //[^\n]* )
""", re.VERBOSE | re.DOTALL)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)


class Tree:
    """A source tree and what was found wrong in it."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.n_wrong = 0

    def files(self, *patterns):
        found = set()
        for pattern in patterns:
            found.update(self.root.glob(pattern))
        return sorted(path for path in found if path.is_file())

    def name(self, path):
        return path.relative_to(self.root).as_posix()

    def wrong(self, path, line, what):
        where = path if isinstance(path, str) else self.name(path)
        print(f"{where}:{line}: {what}" if line else f"{where}: {what}")
        self.n_wrong += 1


def without_comments(text, keep_strings=True):
    """The text with comments (and the insides of strings) blanked; line numbers stay as they are."""
    def blank(found):
        text = found.group()
        if found.lastgroup == "string":
            return text if keep_strings else text[0] + " " * (len(text) - 2) + text[-1]
        return re.sub(r"[^\n]", " ", text)
    return TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def includes(text):
    """(line, "x/y.h" or None, <x/y.h> or None) of each #include that is not in a comment."""
    code = without_comments(text)
    return [(line_of(code, found.start()), found.group(1), found.group(2))
            for found in INCLUDE.finditer(code)]


def main(doc, check, *options):
    """Runs check(tree, args): exit code 1 if anything was wrong. options are add_argument()'s."""
    parser = argparse.ArgumentParser(description=doc,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--root", default=default, help="the tree to check (this one)")
    for flag, settings in options:
        parser.add_argument(flag, **settings)
    args = parser.parse_args()
    tree = Tree(args.root)
    check(tree, args)
    sys.exit(1 if tree.n_wrong else 0)
