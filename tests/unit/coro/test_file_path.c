#include "coro/file_path.h"

#include "coro/offload.h"
#include "file_world.h"
#include "oom.h"

static struct file_world fw;

static void setup(void)
{
	file_world_open(&fw);
}

static void teardown(void)
{
	file_world_close(&fw);
}

TestSuite(file_path, .init = setup, .fini = teardown);

struct load {
	const char *path;
	size_t max;
	char *bytes;
	size_t len;
};

static int load(void *arg)
{
	struct load *l = arg;

	return file_path_load(l->path, l->max, &l->bytes, &l->len);
}

static void check_load(const char *text, size_t max)
{
	struct load l = { fw.path, max, NULL, 0 };

	file_world_put(&fw, text);
	cr_assert_eq(world_run(&fw.w, load, &l), 0);
	cr_assert_eq(l.len, strlen(text));
	cr_assert_str_eq(l.bytes, text);
	free(l.bytes);
}

Test(file_path, loads_a_whole_file)
{
	check_load("hello", 100);
	check_load("hello", 5);
	check_load("", 100);
	check_load("", 0);
	check_load("hello", SIZE_MAX);
}

Test(file_path, loads_no_more_than_is_allowed)
{
	struct load l = { fw.path, 4, NULL, 0 };

	file_world_put(&fw, "hello");
	cr_assert_eq(world_run(&fw.w, load, &l), -EMSGSIZE);
	cr_assert_null(l.bytes);
}

Test(file_path, loads_files_whose_size_is_not_known)
{
	struct load all = { "/proc/kallsyms", 64 * 1024 * 1024, NULL, 0 };
	struct load few = { "/proc/self/status", 10, NULL, 0 };

	if (access(all.path, R_OK) == 0) {
		cr_assert_eq(world_run(&fw.w, load, &all), 0);
		cr_assert_eq(strlen(all.bytes), all.len);
		free(all.bytes);
	}
	cr_assert_eq(world_run(&fw.w, load, &few), -EMSGSIZE);
}

Test(file_path, refuses_what_is_no_file)
{
	struct load none = { fw.path, 10, NULL, 0 }, dir = { fw.dir, 10, NULL, 0 };
	struct load device = { "/dev/zero", 10, NULL, 0 };

	cr_assert_eq(world_run(&fw.w, load, &none), -ENOENT);
	cr_assert_eq(world_run(&fw.w, load, &dir), -EISDIR);
	cr_assert_eq(world_run(&fw.w, load, &device), -EINVAL);
	cr_assert_eq(mkfifo(fw.path, 0600), 0);
	cr_assert_eq(world_run(&fw.w, load, &none), -EINVAL, "and does not wait for a writer");
}

/* On the thread, the only one there is: its next allocation fails. */
static int arm(void *arg)
{
	oom_fail_at(1);
	return 0;
}

static int load_without_memory(void *arg)
{
	int r;

	r = offload(arm, NULL);
	return r < 0 ? r : load(arg);
}

Test(file_path, without_memory_says_so)
{
	struct load l = { fw.path, 100, NULL, 0 };

	file_world_put(&fw, "hello");
	cr_assert_eq(world_run(&fw.w, load_without_memory, &l), -ENOMEM);
	cr_assert_null(l.bytes);
	cr_assert_eq(world_run(&fw.w, load, &l), 0);
	free(l.bytes);
}

static int ask(void *arg)
{
	struct stat st;
	int r;

	r = file_path_stat(arg, &st);
	return r < 0 ? r : (int)st.st_size;
}

Test(file_path, tells_what_a_file_is)
{
	cr_assert_eq(world_run(&fw.w, ask, fw.path), -ENOENT);
	file_world_put(&fw, "hello");
	cr_assert_eq(world_run(&fw.w, ask, fw.path), 5);
	cr_assert_eq(ask(fw.path), -EDEADLK);
}
