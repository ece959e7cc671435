/*
 * static_listing.c - see static_listing.h. The hard thing is that names are what somebody
 * chose: they are escaped for the page and once more for the link, which begins with
 * "./" so that none is taken for a scheme.
 */
#include "app/static_listing.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/req.h"
#include "app/static_root.h"
#include "base/clock.h"
#include "base/str.h"
#include "coro/offload.h"

#define MAX_FILES 10000
#define MAX_PAGE ((size_t)8 << 20)

struct entry {
	char *name; /* owned */
	bool is_directory;
	uint64_t size;
	time_t modified;
};

struct entries {
	struct entry *items; /* owned */
	size_t n, cap;
};

static void entries_done(struct entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		free(entries->items[i].name);
	free(entries->items);
}

static int add(struct entries *entries, const char *name, const struct stat *st)
{
	struct entry *entry;

	if (entries->n == MAX_FILES)
		return -EMSGSIZE;
	if (entries->n == entries->cap) {
		size_t cap = entries->cap ? entries->cap * 2 : 64;
		struct entry *items = realloc(entries->items, cap * sizeof(*items));

		if (!items)
			return -ENOMEM;
		entries->items = items;
		entries->cap = cap;
	}
	entry = &entries->items[entries->n];
	*entry = (struct entry){ .name = strdup(name),
				 .is_directory = S_ISDIR(st->st_mode),
				 .size = (uint64_t)st->st_size,
				 .modified = st->st_mtim.tv_sec };
	if (!entry->name)
		return -ENOMEM;
	entries->n++;
	return 0;
}

struct directory {
	const struct static_root *root;
	const char *name; /* beneath the root: "", or with a slash at its end */
};

/* Of a link, what it leads to, if it is followed: of others not even the size is told. */
static int look_at(const struct directory *directory, int fd, const char *name,
		   struct stat *ret_stat)
{
	char *path;
	int r;

	if (fstatat(fd, name, ret_stat, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(ret_stat->st_mode))
		return 0;
	if (asprintf(&path, "%s%s", directory->name, name) < 0)
		return -ENOMEM;
	r = static_root_stat(directory->root, path, ret_stat);
	free(path);
	return r;
}

/* What would be answered, as far as one can tell without opening it. */
static bool is_shown(const struct directory *directory, int fd, const char *name,
		     struct stat *ret_stat)
{
	weir_str text = weir_strz(name);

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	if (!static_root_has_name(directory->root, text) || !str_is_utf8(text))
		return false;
	return look_at(directory, fd, name, ret_stat) == 0 &&
	       (S_ISREG(ret_stat->st_mode) || S_ISDIR(ret_stat->st_mode));
}

/* take_fd is closed. */
static int read_entries(const struct directory *directory, int take_fd, struct entries *entries)
{
	DIR *dir = fdopendir(take_fd);
	struct dirent *dirent;
	int r = 0;

	if (!dir) {
		r = -errno;
		(void)close(take_fd);
		return r;
	}
	while (r >= 0 && (dirent = readdir(dir))) {
		struct stat st;

		if (is_shown(directory, dirfd(dir), dirent->d_name, &st))
			r = add(entries, dirent->d_name, &st);
	}
	(void)closedir(dir);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->is_directory != y->is_directory)
		return x->is_directory ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int put_escaped(struct buf *page, const char *text)
{
	int r = 0;

	for (; *text && r >= 0; text++) {
		const char *entity = *text == '&'    ? "&amp;"
				     : *text == '<'  ? "&lt;"
				     : *text == '>'  ? "&gt;"
				     : *text == '"'  ? "&quot;"
				     : *text == '\'' ? "&#39;"
						     : NULL;

		r = entity ? buf_printf(page, "%s", entity) : buf_append(page, text, 1);
	}
	return r;
}

static int put_link(struct buf *page, const char *name)
{
	int r = 0;

	for (; *name && r >= 0; name++) {
		unsigned char c = (unsigned char)*name;
		bool is_plain = isalnum(c) || strchr("-._~", c);

		r = buf_printf(page, is_plain ? "%c" : "%%%02X", c);
	}
	return r;
}

static int put_entry(struct buf *page, const struct entry *entry)
{
	const char *slash = entry->is_directory ? "/" : "";
	char date[CLOCK_ISO_DATE];
	int r;

	clock_iso_date(entry->modified, date);
	r = buf_printf(page, "<tr><td><a href=\"./");
	if (r >= 0)
		r = put_link(page, entry->name);
	if (r >= 0)
		r = buf_printf(page, "%s\">", slash);
	if (r >= 0)
		r = put_escaped(page, entry->name);
	if (r < 0)
		return r;
	r = buf_printf(page, "%s</a></td><td>", slash);
	if (r >= 0 && !entry->is_directory)
		r = buf_printf(page, "%llu", (unsigned long long)entry->size);
	return r < 0 ? r : buf_printf(page, "</td><td>%s</td></tr>\n", date);
}

static int put_page(struct buf *page, const char *directory, const struct entries *entries)
{
	int r;

	r = buf_printf(page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
			     "<meta name=\"viewport\" content=\"width=device-width\">\n<title>/");
	if (r >= 0)
		r = put_escaped(page, directory);
	if (r >= 0)
		r = buf_printf(page, "</title>\n<style>:root { color-scheme: light dark }\n"
				     "body { font: 1em/1.5 system-ui, sans-serif; margin: 2em }\n"
				     "td { padding-right: 2em }\n"
				     "td + td { text-align: right; "
				     "font-variant-numeric: tabular-nums }</style>\n"
				     "</head><body><h1>/");
	if (r >= 0)
		r = put_escaped(page, directory);
	if (r >= 0)
		r = buf_printf(page, "</h1>\n<table>\n");
	if (r >= 0 && directory[0])
		r = buf_printf(page, "<tr><td><a href=\"../\">../</a></td></tr>\n");
	for (size_t i = 0; i < entries->n && r >= 0; i++)
		r = put_entry(page, &entries->items[i]);
	return r < 0 ? r : buf_printf(page, "</table></body></html>\n");
}

int static_listing_make(const struct static_root *root, const char *directory, struct buf *page)
{
	_cleanup_(entries_done) struct entries entries = { NULL, 0, 0 };
	struct directory of = { root, directory };
	int fd, r;

	r = static_root_open_directory(root, directory, true, &fd);
	if (r < 0)
		return r;
	r = read_entries(&of, fd, &entries);
	if (r < 0)
		return r;
	if (entries.n > 0)
		qsort(entries.items, entries.n, sizeof(*entries.items), compare);
	return put_page(page, directory, &entries);
}

struct make_call {
	const struct static_root *root;
	const char *directory;
	struct buf *page;
	int r;
};

static int make_on_thread(void *arg)
{
	struct make_call *call = arg;

	call->r = static_listing_make(call->root, call->directory, call->page);
	return 0;
}

int static_listing_send(struct req *req, const struct static_root *root, const char *directory)
{
	_cleanup_(buf_done) struct buf page = { 0 };
	struct make_call call = { .root = root, .directory = directory, .page = &page };
	int r;

	buf_init(&page, MAX_PAGE);
	r = offload(make_on_thread, &call);
	if (r >= 0)
		r = call.r;
	if (r == -EMSGSIZE)
		return req_fail(req, -EFBIG, WEIR_STR("the directory has too many files to list"));
	if (r < 0)
		return r;
	return weir_respond(&req->pub, 200, "text/html; charset=utf-8", buf_str(&page));
}
