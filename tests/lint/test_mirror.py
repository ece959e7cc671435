"""scripts/check-mirror sees what it should."""
CHECK = "check-mirror"


def with_test(tree, floor, stem):
    tree.write(f"src/{floor}/{stem}.c")
    tree.write(f"tests/unit/{floor}/test_{stem}.c")
    listing = tree.root / f"tests/unit/{floor}/meson.build"
    old = listing.read_text() if listing.exists() else ""
    tree.write(f"tests/unit/{floor}/meson.build", old + f"foreach name : ['{stem}']\n")


def built(tree, floor, file, text, *flags):
    with_test(tree, floor, file.partition(".")[0])
    tree.compile(floor, file, text, *flags)


def test_passes_with_a_test_for_each_file(tree):
    with_test(tree, "base", "str")
    with_test(tree, "io", "sock")
    tree.write("src/base/list.h")
    tree.write("src/main.c")
    tree.passes(CHECK)


def test_fails_without_a_test(tree):
    with_test(tree, "base", "str")
    tree.write("src/io/sock.c")
    tree.fails(CHECK, words="src/io/sock.c: has no tests/unit/io/test_sock.c")


def test_fails_when_the_test_is_on_another_floor(tree):
    tree.write("src/io/sock.c")
    with_test(tree, "serve", "sock")
    (tree.root / "src/serve/sock.c").unlink()
    tree.fails(CHECK, words="has no tests/unit/io/test_sock.c")


def test_fails_when_nobody_builds_the_test(tree):
    with_test(tree, "io", "sock")
    tree.write("tests/unit/io/meson.build", "foreach name : ['other']\n")
    tree.fails(CHECK, words="is not listed")


def test_fails_for_a_test_that_goes_round_the_gate(tree):
    tree.write("tests/unit/io/meson.build", "  test(name, run_gated,\n    args: executable('x'))\n")
    tree.passes(CHECK)
    tree.write("tests/unit/io/meson.build", "  test(name,\n    executable('x', 'x.c'))\n")
    tree.fails(CHECK, words="tests/unit/io/meson.build:2: a test without run_gated")


def test_fails_when_nobody_runs_an_e2e_test(tree):
    tree.write("tests/e2e/test_signals.py")
    tree.write("tests/e2e/meson.build", "foreach name : ['signals']\n")
    tree.passes(CHECK)
    tree.write("tests/e2e/test_reload.py")
    tree.fails(CHECK, words="tests/e2e/test_reload.py: is not listed")


def test_fails_for_one_name_on_two_floors(tree):
    with_test(tree, "io", "limits")
    with_test(tree, "serve", "limits")
    tree.fails(CHECK, words="one name for two files")


def test_allows_a_header_beside_its_source(tree):
    with_test(tree, "io", "sock")
    tree.write("src/io/sock.h")
    tree.passes(CHECK)


def test_passes_when_exports_have_the_name_of_their_file(tree):
    built(tree, "io", "timers.c", "void timers_fire(void) {} void timer_init(void) {}"
                                  " static void other(void) {} void *timers_x = other;")
    tree.passes(CHECK, "--build", str(tree.build))


def test_fails_for_an_export_with_another_name(tree):
    built(tree, "io", "timers.c", "void clock_read(void) {}")
    tree.fails(CHECK, "--build", str(tree.build), words="exports clock_read()")


def test_fails_for_a_longer_word(tree):
    built(tree, "base", "str.c", "void strange(void) {}")
    tree.fails(CHECK, "--build", str(tree.build), words="exports strange()")


def test_allows_the_public_prefix_in_app_only(tree):
    built(tree, "app", "coro_api.c", "void weir_sleep(void) {}")
    tree.passes(CHECK, "--build", str(tree.build))
    built(tree, "serve", "errpage.c", "void weir_error(void) {}")
    tree.fails(CHECK, "--build", str(tree.build), words="exports weir_error()")


def test_fails_when_nothing_is_built(tree):
    with_test(tree, "base", "str")
    tree.fails(CHECK, "--build", str(tree.build), words="build first")
