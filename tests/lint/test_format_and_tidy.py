"""scripts/check-format and scripts/check-tidy see what they should."""
import json

import pytest

CLEAN = "int a_len(const char *z);\nint a_len(const char *z)\n{\n\treturn z[0] != '\\0';\n}\n"
MISTAKE = """int a_first(const int *p);
int a_first(const int *p)
{
	if (p)
		return 0;
	return *p;
}
"""


def test_format_passes_what_is_formatted(tree):
    tree.copy(".clang-format")
    tree.write("src/base/a.c", CLEAN)
    tree.passes("check-format")


@pytest.mark.parametrize("old,new", [("\t", "    "), ("\n{", " {"), ("const char *z", "const char* z")])
def test_format_fails_for_the_rest_and_mends_it(tree, old, new):
    tree.copy(".clang-format")
    tree.write("src/base/a.c", CLEAN.replace(old, new))
    tree.fails("check-format", words="check-format --fix")
    tree.passes("check-format", "--fix")
    assert (tree.root / "src/base/a.c").read_text() == CLEAN


def compiled(tree, text):
    tree.copy(".clang-tidy")
    source = tree.write("src/base/a.c", text)
    (tree.build / "meson-private").mkdir(parents=True, exist_ok=True)
    command = f"cc -Wall -c -o a.o {source}"
    entry = {"directory": str(tree.build), "file": str(source), "command": command}
    tree.write("build/compile_commands.json", json.dumps([entry]))


def test_tidy_passes_what_is_clean(tree):
    compiled(tree, CLEAN)
    tree.passes("check-tidy", "--build", str(tree.build))


def test_tidy_fails_for_a_mistake_again_and_again(tree):
    compiled(tree, MISTAKE)
    tree.fails("check-tidy", "--build", str(tree.build), words="null pointer")
    tree.fails("check-tidy", "--build", str(tree.build), words="null pointer")


def test_tidy_looks_again_when_a_header_has_changed(tree):
    tree.write("src/base/a.h", "#define ZERO 1\n")
    compiled(tree, '#include "a.h"\nint a_len(int n);\nint a_len(int n)\n{\n\treturn 5 / ZERO + n;\n}\n')
    tree.passes("check-tidy", "--build", str(tree.build))
    tree.write("src/base/a.h", "#define ZERO 0\n")
    tree.fails("check-tidy", "--build", str(tree.build), words="zero")


def test_tidy_fails_when_nothing_is_built(tree):
    tree.copy(".clang-tidy")
    tree.write("build/compile_commands.json", "[]")
    tree.fails("check-tidy", "--build", str(tree.build), words="compiles nothing")
