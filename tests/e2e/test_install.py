"""What `meson install` puts in place, and modules built outside the tree against it."""
import os
import shutil
import subprocess

import pytest

from daemon import BUILD, SANITIZED, TOP

HELLO_C = """
#include <weir/weir.h>

static int hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello from outside\\n"));
}

WEIR_MODULE(.name = "outside", .handlers = WEIR_HANDLERS({ "hello", hello, "GET", "/hello", 0 }));
"""

# C++ has no arrays without a name.
HELLO_CC = """
#include <string>
#include <weir/weir.h>

static int hello(weir_req *req)
{
	std::string text = "hello from outside\\n";

	return weir_respond(req, 200, "text/plain", weir_str{ text.data(), text.size() });
}

static const weir_handler_entry handlers[] = { { "hello", hello, "GET", "/hello", 0 }, {} };

WEIR_MODULE(.name = "outside", .handlers = handlers);
"""

MISSING_C = """
#include <weir/weir.h>
int weir_no_such_function(void);
int outside(void);
int outside(void)
{
	return weir_no_such_function();
}
"""

JUMP = """
#include <weir/weir.h>
int outside(int n);
int outside(int n)
{
	switch (n) {
	case 1:;
		WEIR_GROUP(g, WEIR_ALL);
		return weir_join(g);
	case 2:
		return 2;
	}
	return 0;
}
"""

PROGRAM_C = """
#include <stdio.h>
#include <weir/coro.h>

static int add(void *arg)
{
	int r = weir_sleep(1);

	*(int *)arg += 20;
	return r;
}

static int run(void *arg)
{
	int n = 1;

	{
		WEIR_GROUP(g, WEIR_ALL);
		weir_spawn(g, add, &n);
		weir_spawn(g, add, &n);
		int r = weir_join(g);
		if (r < 0)
			return r;
	}
	return printf("%d\\n", n) < 0;
}

int main(void)
{
	return weir_run(run, NULL);
}
"""

COMPILERS = [("gcc", "c"), ("clang", "c"), ("g++", "cc"), ("clang++", "cc")]
CONFIG = """
workers: 1
listen: [{address: "{address}"}]
modules: [{path: "%s"}]
routes: [{path: /hello, methods: [GET], handler: outside.hello}]
"""


class Prefix:
    """An installation below a directory of its own."""

    def __init__(self, root):
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root],
                       check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.top = next(path for path in root.rglob("bin/weir")).parents[1]
        self.weir = self.top / "bin/weir"
        self.pc = next(self.top.rglob("weir.pc"))
        self.lib = self.pc.parents[1]
        # The .pc file speaks of the real prefix: the sysroot is put in front of its paths.
        self.env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(root), PKG_CONFIG_PATH=str(self.pc.parent))

    def flags(self, *what):
        return subprocess.run(["pkg-config", *what, "weir"], env=self.env, check=True,
                              stdout=subprocess.PIPE, text=True).stdout.split()

    def build(self, compiler, source, result, *extra):
        """As the manual says: cc -shared -fPIC x.c $(pkg-config --cflags --libs weir)."""
        command = [compiler, *extra, source, *self.flags("--cflags", "--libs"), "-o", result]
        return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    return Prefix(tmp_path_factory.mktemp("prefix"))


@pytest.fixture
def build(prefix, tmp_path):
    """build(compiler, text, suffix): a module; what the compiler said, and the file if it was made."""
    def run(compiler, text, suffix, *extra):
        source = tmp_path / f"outside.{suffix}"
        source.write_text(text)
        result = tmp_path / "outside.so"
        done = prefix.build(compiler, source, result, "-shared", "-fPIC", *extra)
        assert done.returncode != 0 or result.is_file()
        return done.returncode, done.stdout, result
    return run


def needs(compiler):
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")


def test_installs_the_daemon_the_library_and_its_description(prefix):
    assert os.access(prefix.weir, os.X_OK)
    assert (prefix.lib / "libweir.so").is_file()
    assert prefix.pc == prefix.lib / "pkgconfig/weir.pc"
    assert "-lweir" in prefix.flags("--libs")


def test_installs_every_public_header(prefix):
    ours = sorted(path.name for path in (TOP / "include/weir").glob("*.h"))
    assert ours
    assert sorted(path.name for path in (prefix.top / "include/weir").iterdir()) == ours


def test_the_installed_daemon_finds_its_library_by_itself(prefix):
    out = subprocess.run(["readelf", "-d", prefix.weir], check=True, stdout=subprocess.PIPE,
                         text=True).stdout
    assert "libweir.so.1" in out
    assert f"[/{prefix.lib.relative_to(prefix.top.parents[1])}]" in out


@pytest.mark.skipif(SANITIZED, reason="a sanitized library has more symbols")
def test_exports_nothing_but_the_api(prefix):
    out = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", prefix.lib / "libweir.so"],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    names = [line.split()[0] for line in out.splitlines()]
    assert [name for name in names if not name.startswith(("weir_", "WEIR_"))] == []
    assert names


@pytest.mark.parametrize("compiler,suffix", COMPILERS)
def test_a_module_builds_outside_the_tree_and_serves(prefix, build, daemon, compiler, suffix):
    needs(compiler)
    text = HELLO_C if suffix == "c" else HELLO_CC
    code, out, module = build(compiler, text, suffix, "-Wall", "-Wextra", "-Wno-missing-field-initializers",
                              "-Werror", "-Wl,--no-undefined")
    assert code == 0, out
    env = {"LD_LIBRARY_PATH": str(prefix.lib)}
    on_routes = daemon(CONFIG % module, program=prefix.weir, env=env)
    by_itself = daemon(None, "run", module, "--listen", "{address}", "--workers", "2",
                       program=prefix.weir, env=env)
    for d in on_routes, by_itself:
        response = d.get("/hello")
        assert (response.status, response.text) == (200, "hello from outside\n")
        assert d.get("/elsewhere").status == 404
    assert by_itself.call("POST", "/hello", body=b"x").status == 405


def test_a_missing_function_is_found_when_the_module_is_linked(build):
    code, out, _ = build("gcc", MISSING_C, "c", "-Wl,--no-undefined")
    assert code != 0
    assert "weir_no_such_function" in out


@pytest.mark.parametrize("compiler,suffix", COMPILERS)
def test_no_compiler_lets_a_module_jump_over_a_group(build, compiler, suffix):
    needs(compiler)
    code, out, _ = build(compiler, JUMP, suffix)
    assert code != 0
    assert "jump" in out


@pytest.mark.skipif(SANITIZED, reason="a sanitized library needs a sanitized program")
def test_an_ordinary_program_uses_the_coroutines(prefix, tmp_path):
    source, program = tmp_path / "program.c", tmp_path / "program"
    source.write_text(PROGRAM_C)
    done = prefix.build("gcc", source, program, "-Wall", "-Werror")
    assert done.returncode == 0, done.stdout
    out = subprocess.run([program], env=dict(os.environ, LD_LIBRARY_PATH=str(prefix.lib)), check=True,
                         stdout=subprocess.PIPE, text=True, timeout=20).stdout
    assert out == "41\n"
