"""scripts/check-symbols sees what it should."""
import subprocess

import pytest

CHECK = "check-symbols"

HEADER = """
#define WEIR_API __attribute__((visibility("default")))
#define WEIR_MODULE(...) \\
	extern WEIR_API const int weir_module_1; \\
	WEIR_API int weir_from_a_macro(void)
/* WEIR_API int weir_in_a_comment(void); */
WEIR_API int weir_one(int a);
WEIR_API WEIR_MUST_USE const char *weir_two(void)
	__attribute__((pure));
static inline int weir_inline(void) { return 0; }
"""
SCRIPT = "WEIR_1.0 {\n\tglobal:\n\t\tweir_one; # since 1.0\n\t\tweir_two;\n\tlocal:\n\t\t*;\n};\n"


@pytest.fixture
def pair(tree):
    tree.write("include/weir/a.h", HEADER)
    tree.write("src/weir.sym", SCRIPT)
    return tree


def test_passes_when_both_agree(pair):
    pair.passes(CHECK)


def test_fails_without_a_script(tree):
    tree.write("include/weir/a.h", HEADER)
    tree.fails(CHECK, words="src/weir.sym: is missing")


def test_fails_for_what_is_not_listed(pair):
    pair.write("include/weir/b.h", "WEIR_API int *weir_three(void);\n")
    pair.fails(CHECK, words="include/weir/b.h: weir_three() is not in src/weir.sym")


def test_fails_for_what_is_not_declared(pair):
    pair.write("src/weir.sym", SCRIPT.replace("weir_two;", "weir_two; weir_four;"))
    pair.fails(CHECK, words="weir_four is declared in no public header")


def test_fails_for_what_is_listed_twice(pair):
    pair.write("src/weir.sym", SCRIPT + "WEIR_1.1 {\n\tglobal:\n\t\tweir_one;\n} WEIR_1.0;\n")
    pair.fails(CHECK, words="weir_one is listed twice")


def test_reads_later_versions(pair):
    pair.write("include/weir/b.h", "WEIR_API int weir_three(void);\n")
    pair.write("src/weir.sym", SCRIPT + "WEIR_1.1 {\n\tglobal:\n\t\tweir_three;\n} WEIR_1.0;\n")
    pair.passes(CHECK)


def test_wants_no_declaration_of_what_is_private(pair):
    pair.write("src/weir.sym", SCRIPT + "WEIR_PRIVATE {\n\tglobal:\n\t\tweir_main;\n};\n")
    pair.passes(CHECK)


def test_fails_for_patterns(pair):
    pair.write("src/weir.sym", SCRIPT.replace("weir_two;", "weir_*;"))
    pair.fails(CHECK, words="'weir_*' is not one name")


def test_fails_for_what_the_library_does_not_have(pair):
    source = pair.write("lib.c", "int weir_one(int a) { return a; }\n")
    library = pair.root / "libweir.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    pair.fails(CHECK, "--library", str(library), words="does not have weir_two")
