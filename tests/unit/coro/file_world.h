#ifndef WEIR_TESTS_FILE_WORLD_H
#define WEIR_TESTS_FILE_WORLD_H
/* file_world.h - a world of tasks, with one thread for their calls, and a directory for their files that goes with it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "coro/file.h"
#include "coro_world.h"

struct file_world {
	struct world w;
	char dir[32];
	char path[64]; /* of a file in it, which there is not yet */
};

static inline void file_world_open(struct file_world *fw)
{
	world_open_with(&fw->w, (struct sched_opts){ .threads = 1 });
	(void)strcpy(fw->dir, "/tmp/weir-file-XXXXXX");
	cr_assert_not_null(mkdtemp(fw->dir));
	(void)snprintf(fw->path, sizeof(fw->path), "%s/file", fw->dir);
}

static inline void file_world_close(struct file_world *fw)
{
	world_close(&fw->w);
	(void)unlink(fw->path);
	(void)rmdir(fw->dir);
}

/* The file, with this in it. */
static inline void file_world_put(const struct file_world *fw, const char *text)
{
	FILE *file = fopen(fw->path, "we");

	cr_assert_not_null(file);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
}

/* What is in it; good until the next call. */
static inline const char *file_world_get(const struct file_world *fw)
{
	static char text[4096];
	int fd = open(fw->path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	(void)close(fd);
	return text;
}

/* Descriptors that are open; the one that counts them is not. */
static inline unsigned count_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

#endif
