#ifndef WEIR_TESTS_CONF_FIXTURE_H
#define WEIR_TESTS_CONF_FIXTURE_H
/*
 * conf_fixture.h - a configuration loaded from text, in a directory of its own
 * that is thrown away. Each Criterion test is a process: it may chdir().
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/cli.h"
#include "conf/conf.h"
#include "conf/messages.h"

struct fixture {
	char dir[32];
	struct cli cli;
	struct messages messages;
	struct conf *conf;
	int r;	    /* of conf_load() */
	char *said; /* all messages */
};

static inline void fixture_init(struct fixture *f)
{
	*f = (struct fixture){ .dir = "/tmp/weir-conf-XXXXXX" };
	cr_assert_not_null(mkdtemp(f->dir));
	cr_assert_eq(chdir(f->dir), 0);
	messages_init(&f->messages);
	f->cli.file = "test.yaml";
}

static inline void fixture_write(const char *file, const void *bytes, size_t len)
{
	FILE *out = fopen(file, "we");

	cr_assert_not_null(out);
	cr_assert_eq(fwrite(bytes, 1, len, out), len);
	cr_assert_eq(fclose(out), 0);
}

/* Loads what f->cli asks for; it names test.yaml unless the test changed it. */
static inline void fixture_load(struct fixture *f, const char *text)
{
	struct buf out;

	if (text)
		fixture_write("test.yaml", text, strlen(text));
	f->r = conf_load(&f->cli, &f->messages, &f->conf);
	buf_init(&out, 0);
	cr_assert_eq(messages_format(&f->messages, &out), 0);
	f->said = buf_steal(&out);
	cr_assert_not_null(f->said);
}

static inline void fixture_done(struct fixture *f)
{
	conf_free(f->conf);
	messages_done(&f->messages);
	free(f->said);
	(void)unlink("test.yaml");
	cr_assert_eq(chdir("/"), 0);
	(void)rmdir(f->dir);
}

/* Each file of that directory, one after the other; how many there were. */
static inline int fixture_load_all(const char *where, void (*check)(struct fixture *f))
{
	DIR *dir = opendir(where);
	struct dirent *entry;
	int n = 0;

	cr_assert_not_null(dir);
	while ((entry = readdir(dir))) {
		char path[PATH_MAX];
		struct fixture f;

		if (!strstr(entry->d_name, ".yaml"))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", where, entry->d_name);
		fixture_init(&f);
		f.cli.file = path;
		fixture_load(&f, NULL);
		check(&f);
		fixture_done(&f);
		n++;
	}
	(void)closedir(dir);
	return n;
}

#endif
