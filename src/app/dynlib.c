/*
 * dynlib.c - around dlopen(3). Its messages are short and meant for whoever
 * linked the file; so what is usually wrong is looked at first, by ourselves,
 * and what is left to dlopen is translated.
 */
#include "app/dynlib.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
#else
#define OWN_MACHINE EM_NONE /* not checked here; dlopen will */
#endif

#if __ELF_NATIVE_CLASS == 64
#define OWN_CLASS ELFCLASS64
#else
#define OWN_CLASS ELFCLASS32
#endif

/* A slash in it keeps dlopen() from looking where it looks for libraries. */
static char *file_name(const char *dir, const char *path)
{
	char *file;

	if (path[0] == '/')
		return strdup(path);
	/* By hand: with sanitizers and -O3 gcc 12 warns of asprintf() that dir were NULL. */
	file = malloc(strlen(dir) + strlen("/") + strlen(path) + 1);
	if (file)
		(void)stpcpy(stpcpy(stpcpy(file, dir), "/"), path);
	return file;
}

static void say_missing(struct buf *words, const char *path, const char *const *dirs, size_t n_dirs)
{
	buf_say(words, "%s: no such file", path);
	if (path[0] == '/' || n_dirs == 0)
		return;
	buf_say(words, " in module_path (");
	for (size_t i = 0; i < n_dirs; i++)
		buf_say(words, "%s%s", i ? ", " : "", dirs[i]);
	buf_say(words, ")");
}

int dynlib_find(const char *path, const char *const *dirs, size_t n_dirs, struct buf *reterr_words,
		char **ret_file)
{
	bool is_alone = path[0] == '/' || n_dirs == 0;

	for (size_t i = 0; i < (is_alone ? 1 : n_dirs); i++) {
		char *file = file_name(is_alone ? "." : dirs[i], path);

		if (!file)
			return -ENOMEM;
		if (access(file, F_OK) == 0) {
			*ret_file = file;
			return 0;
		}
		free(file);
	}
	say_missing(reterr_words, path, dirs, n_dirs);
	return -ENOENT;
}

/* How many bytes of an ELF header there are. */
static int read_header(const char *file, struct buf *words, ElfW(Ehdr) * ret_header)
{
	_cleanup_(close_fdp) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int error = errno;

		buf_say(words, "%s: %s", file, strerror(error));
		return -error;
	}
	if (!S_ISREG(st.st_mode)) {
		buf_say(words, "%s: not a file but a %s", file,
			S_ISDIR(st.st_mode) ? "directory" : "device, pipe or socket");
		return -ENOEXEC;
	}
	n = pread(fd, ret_header, sizeof(*ret_header), 0);
	return n < 0 ? -errno : (int)n;
}

/* What dlopen() would call "invalid ELF header", "wrong ELF class" or worse. */
static int check_header(const char *file, struct buf *words)
{
	ElfW(Ehdr) header = { 0 };
	int n;

	n = read_header(file, words, &header);
	if (n < 0)
		return n;
	if (n < (int)sizeof(header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
		buf_say(words, "%s: not a shared object; build it with cc -shared -fPIC", file);
		return -ENOEXEC;
	}
	if (header.e_ident[EI_CLASS] != OWN_CLASS ||
	    (OWN_MACHINE != EM_NONE && header.e_machine != OWN_MACHINE)) {
		buf_say(words, "%s: built for another kind of processor than this machine's", file);
		return -ENOEXEC;
	}
	if (header.e_type != ET_DYN) {
		buf_say(words, "%s: %s, not a shared object; link it with cc -shared", file,
			header.e_type == ET_REL ? "an object file" : "a program");
		return -ENOEXEC;
	}
	return 0;
}

/* dlopen's message begins with a file's name; which one says whose fault it is. */
static void say_refused(struct buf *words, const char *file, const char *message)
{
	const char *undefined = strstr(message, "undefined symbol: ");
	const char *missing = strstr(message, ": cannot open shared object file");

	if (undefined) {
		undefined += strlen("undefined symbol: ");
		if (str_starts(weir_strz(undefined), WEIR_STR("weir_")))
			buf_say(words,
				"%s: needs %s, which this weir does not have: "
				"the module was built for a newer one",
				file, undefined);
		else
			buf_say(words,
				"%s: undefined symbol %s; link the library that has it, and find "
				"such things when linking: -lweir -Wl,--no-undefined",
				file, undefined);
		return;
	}
	if (missing) {
		buf_say(words, "%s: needs the library %.*s, which cannot be found", file,
			(int)(missing - message), message);
		return;
	}
	buf_say(words, "%s: cannot be loaded: %s", file, message);
}

int dynlib_open(const char *file, struct buf *reterr_words, void **ret_handle)
{
	const char *message;
	void *handle;
	int r;

	r = check_header(file, reterr_words);
	if (r < 0)
		return r;
	handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle) {
		message = dlerror();
		say_refused(reterr_words, file, message ? message : "for no reason given");
		return -ELIBACC;
	}
	*ret_handle = handle;
	return 0;
}

const void *dynlib_symbol(void *handle, const char *name)
{
	return dlsym(handle, name);
}
