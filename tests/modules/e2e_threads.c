/*
 * e2e_threads.c - handlers that block on threads, and work with files. Who has
 * to wait does so until a file appears in the directory that `dir` names, as in
 * e2e_process.c; but here it is a thread that waits.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#define PATH_LEN 512

static int begin(weir_app *app)
{
	char *dir = strdup(weir_app_setting(app, "dir", "/nowhere"));

	weir_app_set_state(app, dir);
	return dir ? 0 : -ENOMEM;
}

static void finish(weir_app *app)
{
	free(weir_app_state(app));
}

static const char *path_of(const weir_req *req, char path[PATH_LEN])
{
	(void)snprintf(path, PATH_LEN, "%s/%.*s", (const char *)req->state,
		       WEIR_ARG(weir_param(req, "name")));
	return path;
}

static int hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello\n"));
}

struct blocking {
	char path[PATH_LEN];
	bool looks; /* whether it is still wanted */
};

/* On a thread; FILE.begun says that it has come so far. */
static int block(void *arg)
{
	const struct blocking *b = arg;
	char begun[PATH_LEN + 8];
	FILE *file;

	(void)snprintf(begun, sizeof(begun), "%s.begun", b->path);
	file = fopen(begun, "we");
	if (file)
		(void)fclose(file);
	while (access(b->path, F_OK) < 0) {
		if (b->looks && weir_offload_unwanted())
			return -EINTR;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 2 * 1000 * 1000 }, NULL);
	}
	return 0;
}

static int block_with(weir_req *req, bool looks)
{
	struct blocking b = { .looks = looks };
	int r;

	(void)path_of(req, b.path);
	weir_log(req, WEIR_LOG_INFO, "blocks");
	r = weir_offload(block, &b);
	weir_log(req, WEIR_LOG_INFO, "was told %s", r < 0 ? strerrorname_np(-r) : "0");
	return r < 0 ? r : weir_respond(req, 200, "text/plain", WEIR_STR("blocked\n"));
}

static int blocks(weir_req *req)
{
	return block_with(req, false);
}

static int looks(weir_req *req)
{
	return block_with(req, true);
}

/* The body, piece by piece, in a file. */
static int put(weir_req *req)
{
	char path[PATH_LEN];
	weir_file *file;
	weir_str piece;
	int r;

	r = weir_file_open(path_of(req, path), O_WRONLY | O_CREAT | O_TRUNC, 0600, &file);
	if (r < 0)
		return r;
	while ((r = weir_body_next(req, &piece)) > 0) {
		r = weir_file_write(file, piece);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = weir_file_sync(file);
	weir_file_close(file);
	return r < 0 ? r : weir_respond(req, 201, "text/plain", WEIR_STR("written\n"));
}

static int get(weir_req *req)
{
	char path[PATH_LEN], piece[4096];
	weir_file *file;
	int r;

	r = weir_file_open(path_of(req, path), O_RDONLY, 0, &file);
	if (r < 0)
		return r == -ENOENT ? WEIR_STATUS(404) : r;
	r = weir_start(req, 200, "application/octet-stream");
	while (r >= 0 && (r = weir_file_read(file, piece, sizeof(piece))) > 0)
		r = weir_write(req, (weir_str){ piece, (size_t)r });
	weir_file_close(file);
	return r;
}

/* How many lines it has, and the longest of those that are not too long. */
static int lines(weir_req *req)
{
	size_t n = 0, n_long = 0, longest = 0;
	char path[PATH_LEN];
	weir_file *file;
	weir_str line;
	int r;

	r = weir_file_open(path_of(req, path), O_RDONLY, 0, &file);
	if (r < 0)
		return r;
	while ((r = weir_file_line(file, 100000, &line)) != 0) {
		if (r < 0 && r != -EMSGSIZE)
			break;
		n++;
		n_long += r < 0;
		if (r > 0 && line.len > longest)
			longest = line.len;
	}
	weir_file_close(file);
	if (r < 0)
		return r;
	return weir_respond(
		req, 200, "text/plain",
		weir_printf(req, "%zu lines, %zu too long, longest %zu\n", n, n_long, longest));
}

WEIR_MODULE(.name = "e2e_threads", .startup = begin, .shutdown = finish,
	    .handlers = WEIR_HANDLERS({ "hello", hello, NULL, NULL, 0 },
				      { "blocks", blocks, NULL, NULL, 0 },
				      { "looks", looks, NULL, NULL, 0 },
				      { "put", put, NULL, NULL, 0 }, { "get", get, NULL, NULL, 0 },
				      { "lines", lines, NULL, NULL, 0 }));
