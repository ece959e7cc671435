"""A small tree of files for the checkers to look at."""
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]


class Sandbox:
    def __init__(self, root):
        self.root = root
        self.build = root / "build"

    def write(self, name, text=""):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def copy(self, name):
        shutil.copy(TOP / name, self.root / name)

    def compile(self, floor, file, text, *flags):
        """As meson would: build/src/x/libweir-x.a.p/y.c.o, with y.c.su beside it."""
        source = self.write(f"src/{floor}/{file}", text)
        obj = self.build / f"src/{floor}/libweir-{floor}.a.p/{file}.o"
        obj.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-fPIC", "-fstack-usage", *flags, "-c", "-o", obj, source],
                       cwd=obj.parent, check=True)
        return obj

    def check(self, checker, *args):
        """The exit code and what was printed."""
        done = subprocess.run([TOP / "scripts" / checker, "--root", self.root, *args], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def passes(self, checker, *args):
        code, out = self.check(checker, *args)
        assert code == 0, out

    def fails(self, checker, *args, words):
        code, out = self.check(checker, *args)
        assert code == 1, out
        assert words in out


@pytest.fixture
def tree(tmp_path):
    return Sandbox(tmp_path)
