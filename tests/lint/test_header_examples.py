"""The examples in the comments of the public headers are compiled as they stand there.

An example is what a comment has indented by a tab, up to the next line of prose. Words behind
"<-" are remarks. One that begins in the middle of a function is compiled inside of one; what is no
C at all (a table, a command, YAML) is known by its first word.
"""
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
HEADERS = sorted((TOP / "include/weir").glob("*.h"))
WITHOUT = {"weir.h"}                        # has nothing of its own

NO_C = re.compile(r"-E[A-Z]+\t|cc |middleware:|routes:|return weir_fail\(")
COMPLETE = re.compile(r"static |struct \w+ {|WEIR_MODULE|WEIR_MIDDLEWARE|#include")

# What an example may speak of without saying it: handlers to call, Criterion's assertion.
BEFORE = """
#include <weir/weir.h>
#include <weir/test.h>
#define cr_assert(condition) ((void)(condition))
static inline int weir_example_handler(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR(""));
}
"""
FRAGMENT = """
static void fragment_%d(void)
{
	weir_handler *hello = weir_example_handler, *echo = weir_example_handler;
	(void)hello;
	(void)echo;
%s
}
"""


def examples(text):
    """Each example of all comments."""
    for comment in re.findall(r"/\*(.*?)\*/", text, re.DOTALL):
        found = re.findall(r"(?:^ \*\t.*\n(?:^ \*\n(?=^ \*\t))*)+", comment + "\n", re.MULTILINE)
        for example in found:
            lines = [re.sub(r"\s*<- .*", "", line[3:]) for line in example.splitlines()]
            yield "\n".join(lines)


def c_examples(header):
    return [one for one in examples(header.read_text()) if not NO_C.match(one)]


def source(header):
    parts = [one if COMPLETE.match(one) else FRAGMENT % (n, one)
             for n, one in enumerate(c_examples(header))]
    return BEFORE + "\n".join(parts) + "\n"


def compile_c(compiler, text):
    command = [*compiler.split(), "-x", "c", "-std=gnu11", "-c", "-o", "/dev/null", "-Wall", "-Wextra", "-Werror",
               "-Wno-unused-function", "-Wno-unused-parameter", "-Wno-missing-field-initializers",
               f"-I{TOP}/include", "-"]
    return subprocess.run(command, input=text, text=True, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_every_header_has_one(header):
    assert bool(c_examples(header)) == (header.name not in WITHOUT)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_compiles(compiler, header):
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    text = source(header)
    done = compile_c(compiler, text)
    assert done.returncode == 0, f"{text}\n{done.stdout}"


@pytest.mark.parametrize("broken", [
    "/*\n *\tstatic int f(weir_req *req)\n *\t{\n *\t\treturn weir_no_such_call(req);\n *\t}\n */",
    "/*\n * Prose.\n *\n *\tconst weir_reply *r = weir_test_call(hello, .no_such_field = 1);\n */",
    "/*\n *\tstatic int f(weir_req *req)\n *\t{\n *\t\tweir_body(req, 1, NULL);\n *\n *\t\treturn 0;\n *\t}\n */",
], ids=["an unknown call", "in a fragment", "a result not looked at"])
def test_notices_what_does_not_compile(tmp_path, broken):
    header = tmp_path / "broken.h"
    header.write_text(broken + "\n")
    assert compile_c("gcc", source(header)).returncode != 0
