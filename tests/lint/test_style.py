"""scripts/check-style sees what it should."""
import pytest

CHECK = "check-style"


def function(n_lines):
    return "int f(void);\nint f(void)\n{\n" + "\tf();\n" * (n_lines - 1) + "\treturn 0;\n}\n"


def test_an_empty_tree_is_in_order(tree):
    tree.passes(CHECK)


def test_functions_end_at_80_lines(tree):
    tree.write("src/base/a.c", function(80))
    tree.passes(CHECK)
    tree.write("src/base/a.c", function(81))
    tree.fails(CHECK, words="src/base/a.c:3: a function of 81 lines")


def test_files_end_at_700_lines(tree):
    tree.write("src/base/a.c", "int a;\n" * 700)
    tree.passes(CHECK)
    tree.write("src/base/a.c", "int a;\n" * 701)
    tree.fails(CHECK, words="a file of 701 lines")


@pytest.mark.parametrize("text", ["int a; // note\n", '"/*" // "*/"\n', "'\"' // '\n"])
def test_fails_for_line_comments(tree, text):
    tree.write("src/base/a.c", text)
    tree.fails(CHECK, words="src/base/a.c:1: a // comment")


@pytest.mark.parametrize("text", ['const char *a = "http://x";\n', "/* see // there */\n",
                                  'const char *a = "\\"//";\n'])
def test_allows_two_slashes_in_strings_and_comments(tree, text):
    tree.write("src/base/a.c", text)
    tree.passes(CHECK)


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX"])
def test_fails_for_what_is_not_finished(tree, word):
    tree.write("src/base/a.c", f"/* {word}: later */\n")
    tree.fails(CHECK, words="not finished")


def test_a_file_includes_its_own_header_first(tree):
    tree.write("src/base/a.h", "#ifndef A\n#define A\n#endif\n")
    tree.write("src/base/a.c", '/* #include <errno.h> */\n#include "base/a.h"\n\n#include <errno.h>\n')
    tree.passes(CHECK)
    tree.write("src/base/a.c", '#include <errno.h>\n#include "base/a.h"\n')
    tree.fails(CHECK, words='src/base/a.c:1: the first include is not "base/a.h"')
    tree.write("src/base/a.c", "int a;\n")
    tree.fails(CHECK, words="the first include is not")


def test_headers_are_complete(tree):
    tree.write("src/base/a.h", "#include <stddef.h>\nsize_t a_len(void);\n")
    tree.passes(CHECK)
    tree.write("src/base/a.h", "size_t a_len(void);\n")
    tree.fails(CHECK, words="src/base/a.h: is not complete by itself in C:")


def test_public_headers_are_complete_in_cpp_too(tree):
    tree.write("include/weir/a.h", "static inline int a(void)\n{\n\tint class = 1;\n\treturn class;\n}\n")
    tree.fails(CHECK, words="include/weir/a.h: is not complete by itself in C++:")


@pytest.mark.parametrize("call", ["sleep(1)", "usleep (10)", "nanosleep(&ts, NULL)",
                                  "poll(NULL, 0, 10)", "select(0, NULL, NULL, NULL, &tv)"])
def test_unit_tests_do_not_sleep(tree, call):
    tree.write("tests/unit/base/test_a.c", f"void f(void)\n{{\n\t{call};\n}}\n")
    tree.fails(CHECK, words="test_a.c:3: sleeps")


@pytest.mark.parametrize("text", ["task_sleep(10);", "weir_sleep(10);", "/* sleep(1) */", '"sleep(1)"'])
def test_unit_tests_may_sleep_in_virtual_time(tree, text):
    tree.write("tests/unit/base/test_a.c", text)
    tree.passes(CHECK)


@pytest.mark.parametrize("text", [
    "int a_count;", "int a_count = 1;", "static int count; int *a(void) { return &count; }",
    "int a(void) { static int n; return n++; }", "_Thread_local int a_mine;",
    "_Thread_local int a_mine = 3;", "extern int b; int *a_p = &b;",
])
def test_fails_for_mutable_globals(tree, text):
    tree.compile("base", "a.c", text)
    tree.fails(CHECK, "--build", str(tree.build), words="a mutable global: ")


@pytest.mark.parametrize("text", [
    "const int a_table[] = { 1, 2 };", 'const char *const a_names[] = { "a", "b" };',
    "static const struct { int (*f)(void); } rows[] = { { 0 } }; const void *a(void) { return rows; }",
])
def test_allows_constant_tables(tree, text):
    tree.compile("base", "a.c", text)
    tree.passes(CHECK, "--build", str(tree.build))


def test_allows_the_pointer_to_the_running_worker(tree):
    tree.compile("coro", "sched.c", "_Thread_local void *running;")
    tree.passes(CHECK, "--build", str(tree.build))


def test_fails_for_large_stack_frames(tree):
    body = "void a(void) { volatile char bytes[%d]; bytes[0] = 1; }"
    tree.compile("base", "a.c", body % 7000)
    tree.passes(CHECK, "--build", str(tree.build))
    tree.compile("base", "a.c", body % 9000)
    tree.fails(CHECK, "--build", str(tree.build), words="a() takes 8")
