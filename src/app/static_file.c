/*
 * static_file.c - see static_file.h. The tag is made of what changes when the
 * file does: inode, size, and both times of its last change. Size and mtime alone would
 * not do: who builds reproducibly gives each version the same time.
 */
#include "app/static_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "app/mime.h"
#include "app/static_root.h"
#include "base/str.h"

#define PAGE 4096 /* the smallest there are */

static const weir_str suffixes[CODING_IDENTITY] = { { ".br", 3 }, { ".zst", 4 }, { ".gz", 3 } };

/* All of it, or what went wrong; -EAGAIN: it would have to wait. */
static int read_all(int fd, char *bytes, size_t len, bool may_block)
{
	size_t done = 0;

	while (done < len) {
		struct iovec iov = { bytes + done, len - done };
		ssize_t n = preadv2(fd, &iov, 1, (off_t)done, may_block ? 0 : RWF_NOWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EOPNOTSUPP ? -EAGAIN : -errno;
		if (n == 0)
			return -EIO; /* it has shrunk meanwhile */
		done += (size_t)n;
	}
	return 0;
}

static void make_validators(struct static_body *body, const struct stat *st)
{
	uint64_t identity[] = {
		st->st_dev,
		st->st_ino,
		(uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec,
		(uint64_t)st->st_ctim.tv_nsec,
	};
	uint64_t hash = str_hash((weir_str){ (const char *)identity, sizeof(identity) });
	int n;

	body->size = (uint64_t)st->st_size;
	body->modified = st->st_mtim.tv_sec;
	body->modified_ns = st->st_mtim.tv_nsec;
	n = snprintf(body->etag_text, sizeof(body->etag_text), "\"%llx-%llx\"",
		     (unsigned long long)hash, (unsigned long long)body->size);
	body->etag = (weir_str){ body->etag_text, (size_t)n };
	clock_http_date(body->modified, body->date);
}

/* A form that is older than the file itself is of another version of it. */
static int open_body(struct static_file *file, const struct static_file_spec *spec,
		     enum coding coding, const char *path, bool may_block)
{
	const struct static_body *plain = &file->bodies[CODING_IDENTITY];
	struct static_body *body = &file->bodies[coding];
	struct stat st;
	int fd, r;

	r = static_root_open_file(spec->root, path, may_block, &fd, &st);
	if (r < 0)
		return r;
	body->fd = fd;
	make_validators(body, &st);
	if (coding != CODING_IDENTITY && body->modified < plain->modified) {
		body->fd = -1;
		(void)close(fd);
		return 0;
	}
	if (body->size <= STATIC_FILE_SMALL) {
		body->bytes = malloc(body->size + 1);
		if (!body->bytes)
			return -ENOMEM;
		r = read_all(fd, body->bytes, body->size, may_block);
		if (r < 0)
			return r;
		(void)close(fd);
		body->fd = -1;
	}
	file->has_fds |= body->fd >= 0;
	body->is_there = true;
	file->codings |= 1u << coding;
	return 0;
}

/* Those that are not there, or cannot be read, are not missed. */
static int open_others(struct static_file *file, const struct static_file_spec *spec, weir_str name,
		       bool may_block)
{
	char *path;
	int r = 0;

	if (asprintf(&path, "%.*s.zst", WEIR_ARG(name)) < 0)
		return -ENOMEM;
	for (enum coding c = CODING_BR; c < CODING_IDENTITY; c++) {
		*str_put(path + name.len, suffixes[c]) = '\0';
		r = open_body(file, spec, c, path, may_block);
		if (r == -EAGAIN || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
			break;
		r = 0;
	}
	free(path);
	return r;
}

static void put(struct static_body *body, weir_str name, weir_str value)
{
	assert(body->n_fields < STATIC_FILE_FIELDS);
	body->fields[body->n_fields++] = (weir_header){ name, value };
}

static void make_fields(struct static_file *file, const struct static_file_spec *spec,
			enum coding coding)
{
	struct static_body *body = &file->bodies[coding];

	put(body, WEIR_STR("etag"), body->etag);
	if (spec->cache_control)
		put(body, WEIR_STR("cache-control"), weir_strz(spec->cache_control));
	if (file->codings & ~(1u << CODING_IDENTITY))
		put(body, WEIR_STR("vary"), WEIR_STR("accept-encoding"));
	put(body, WEIR_STR("last-modified"), (weir_str){ body->date, sizeof(body->date) });
	body->n_lasting = body->n_fields;
	put(body, WEIR_STR("content-type"), weir_strz(file->type));
	put(body, WEIR_STR("accept-ranges"), WEIR_STR("bytes"));
	if (coding != CODING_IDENTITY)
		put(body, WEIR_STR("content-encoding"), coding_name(coding));
}

static void make_type(struct static_file *file, const struct static_file_spec *spec, weir_str name)
{
	weir_str type = mime_of(spec->mime, name);
	bool is_text = str_starts(type, WEIR_STR("text/")) && spec->charset;

	(void)snprintf(file->type, sizeof(file->type), "%.*s%s%s", WEIR_ARG(type),
		       is_text ? "; charset=" : "", is_text ? spec->charset : "");
}

int static_file_open(const struct static_file_spec *spec, weir_str name, bool may_block,
		     struct static_file **ret_file)
{
	_cleanup_(static_file_unrefp) struct static_file *file = calloc(1, sizeof(*file) +
										   name.len + 1);
	int r;

	if (!file)
		return -ENOMEM;
	file->n_refs = 1;
	list_init(&file->used);
	for (int c = 0; c < CODING_COUNT; c++)
		file->bodies[c].fd = -1;
	memcpy(file->name, name.ptr, name.len);
	file->name_len = name.len;
	r = open_body(file, spec, CODING_IDENTITY, file->name, may_block);
	if (r < 0)
		return r;
	if (spec->is_precompressed) {
		r = open_others(file, spec, name, may_block);
		if (r < 0)
			return r;
	}
	make_type(file, spec, name);
	for (enum coding c = CODING_BR; c < CODING_COUNT; c++) {
		if (file->bodies[c].is_there)
			make_fields(file, spec, c);
	}
	*ret_file = steal_ptr(file);
	return 0;
}

struct static_file *static_file_unref(struct static_file *file)
{
	if (!file || --file->n_refs > 0)
		return NULL;
	for (int c = 0; c < CODING_COUNT; c++) {
		free(file->bodies[c].bytes);
		if (file->bodies[c].fd >= 0)
			(void)close(file->bodies[c].fd);
	}
	free(file);
	return NULL;
}

bool static_file_is_same(const struct static_file *file)
{
	if (!file->has_fds)
		return true;
	for (int c = 0; c < CODING_COUNT; c++) {
		const struct static_body *body = &file->bodies[c];
		struct stat st;

		if (body->fd < 0)
			continue;
		if (fstat(body->fd, &st) < 0 || (uint64_t)st.st_size != body->size ||
		    st.st_mtim.tv_sec != body->modified || st.st_mtim.tv_nsec != body->modified_ns)
			return false;
	}
	return true;
}

static bool is_byte_warm(int fd, uint64_t at)
{
	char byte;
	struct iovec iov = { &byte, 1 };

	/* What cannot tell is no disk, mostly. */
	return preadv2(fd, &iov, 1, (off_t)at, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

bool static_file_is_warm(struct static_body *body, uint64_t offset, uint64_t len)
{
	/* It lives for a second in the cache: that is not forgotten by the kernel so soon. */
	if (offset + len <= body->warm_len)
		return true;
	if (!is_byte_warm(body->fd, offset) || !is_byte_warm(body->fd, offset + len - 1))
		return false;
	if (offset <= body->warm_len)
		body->warm_len = offset + len;
	return true;
}

int static_file_warm(const struct static_body *body, uint64_t offset, uint64_t len)
{
	uint64_t end = offset + len;
	char byte;

	/* The kernel reads ahead of who reads on; one byte of each page is enough. */
	(void)readahead(body->fd, (off_t)offset, (size_t)len);
	for (uint64_t at = offset; at < end; at += PAGE) {
		ssize_t n = pread(body->fd, &byte, 1, (off_t)at);

		if (n <= 0)
			break; /* sending will say so */
	}
	return 0;
}
