"""scripts/check-layers sees what it should."""
import pytest

CHECK = "check-layers"

GOOD = [
    ("src/base/a.c", '#include "base/a.h"\n#include <weir/base.h>\n'),
    ("src/proto/a.c", '#include "base/b.h"\n'),
    ("src/serve/a.c", '#include "io/b.h"\n#include "proto/c.h"\n#include "base/d.h"\n'),
    ("src/app/a.c", '#include "coro/b.h"\n#include "serve/c.h"\n#include <weir/http.h>\n'),
    ("src/daemon/a.c", '#include "app/b.h"\n#include <weir/module.h>\n'),
    ("src/main.c", '#include "daemon/b.h"\n#include <weir/weir.h>\n'),
    ("src/base/b.h", '/* #include "conf/conf.h" */\n'),
    ("include/weir/a.h", "#include <weir/base.h>\n#include <stdint.h>\n"),
    ("tests/unit/io/test_a.c", '#include "io/a.h"\n#include "base/b.h"\n#include "helper.h"\n'),
]

BAD = [
    ("src/base/a.c", '#include "io/b.h"\n', '"io/b.h" goes up from base/'),
    ("src/proto/a.c", '#include "io/b.h"\n', '"io/b.h" goes sideways from proto/'),
    ("src/io/a.h", '#  include\t"proto/b.h"\n', "sideways"),
    ("src/serve/a.c", '#include "coro/b.h"\n', "sideways"),
    ("src/coro/a.c", '#include "serve/b.h"\n', "sideways"),
    ("src/serve/a.c", '#include "app/b.h"\n', "goes up"),
    ("src/app/a.c", '#include "daemon/b.h"\n', "goes up"),
    ("src/coro/a.S", '#include "app/b.h"\n', "goes up"),
    ("src/serve/a.c", '#include <weir/http.h>\n', "is for app/ and above"),
    ("src/coro/a.h", '#include <weir/coro.h>\n', "is for app/ and above"),
    ("src/io/a.c", '#include "b.h"\n', "has no folder"),
    ("src/io/a.c", '#include "util/b.h"\n', "is on no floor"),
    ("src/util/a.c", "", "is on no floor"),
    ("src/io/deep/a.c", "", "is on no floor"),
    ("src/stray.c", "", "only main.c and weirctl.c"),
    ("include/weir/a.h", '#include "base/buf.h"\n', "is not installed"),
    ("tests/unit/proto/test_a.c", '#include "io/sock.h"\n', "sideways"),
]


def test_an_empty_tree_is_in_order(tree):
    tree.passes(CHECK)


@pytest.mark.parametrize("name,text", GOOD)
def test_passes(tree, name, text):
    tree.write(name, text)
    tree.passes(CHECK)


@pytest.mark.parametrize("name,text,words", BAD)
def test_fails(tree, name, text, words):
    for good, good_text in GOOD:
        tree.write(good, good_text)
    tree.write(name, text)
    tree.fails(CHECK, words=words)


def test_says_file_and_line(tree):
    tree.write("src/base/a.c", '\n/* why */\n#include "io/b.h"\n')
    tree.fails(CHECK, words="src/base/a.c:3: ")
