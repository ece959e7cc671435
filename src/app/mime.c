/* mime.c - see mime.h. Two sorted arrays; the file's lines are "type extension extension". */
#include "app/mime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define UNKNOWN "application/octet-stream"
#define MAX_EXTENSION 31
#define MAX_FILE ((size_t)1 << 20)

struct entry {
	weir_str extension; /* in lower case */
	weir_str type;
};

struct mime {
	char *text; /* owned: what entries point into */
	struct entry *entries;
	size_t n, cap;
};

#define ENTRY(extension, type)                        \
	{                                             \
		{ extension, sizeof(extension) - 1 }, \
		{                                     \
			type, sizeof(type) - 1        \
		}                                     \
	}

/* Sorted. What pages are made of nowadays. */
static const struct entry usual[] = {
	ENTRY("avif", "image/avif"),	  ENTRY("css", "text/css"),
	ENTRY("csv", "text/csv"),	  ENTRY("gif", "image/gif"),
	ENTRY("gz", "application/gzip"),  ENTRY("htm", "text/html"),
	ENTRY("html", "text/html"),	  ENTRY("ico", "image/vnd.microsoft.icon"),
	ENTRY("jpeg", "image/jpeg"),	  ENTRY("jpg", "image/jpeg"),
	ENTRY("js", "text/javascript"),	  ENTRY("json", "application/json"),
	ENTRY("map", "application/json"), ENTRY("md", "text/markdown"),
	ENTRY("mjs", "text/javascript"),  ENTRY("mp3", "audio/mpeg"),
	ENTRY("mp4", "video/mp4"),	  ENTRY("pdf", "application/pdf"),
	ENTRY("png", "image/png"),	  ENTRY("svg", "image/svg+xml"),
	ENTRY("txt", "text/plain"),	  ENTRY("wasm", "application/wasm"),
	ENTRY("webm", "video/webm"),	  ENTRY("webmanifest", "application/manifest+json"),
	ENTRY("webp", "image/webp"),	  ENTRY("woff", "font/woff"),
	ENTRY("woff2", "font/woff2"),	  ENTRY("xml", "application/xml"),
	ENTRY("zip", "application/zip"),
};

static int compare_text(weir_str a, weir_str b)
{
	int d = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return d ? d : (a.len > b.len) - (a.len < b.len);
}

/* Of two that are the same, the one that came first in the file is first. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int d = compare_text(x->extension, y->extension);

	return d ? d : (x->type.ptr > y->type.ptr) - (x->type.ptr < y->type.ptr);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static int add(struct mime *m, weir_str extension, weir_str type)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 256;
		struct entry *entries = realloc(m->entries, cap * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		m->entries = entries;
		m->cap = cap;
	}
	for (size_t i = 0; i < extension.len; i++)
		((char *)(uintptr_t)extension.ptr)[i] = lower(extension.ptr[i]);
	m->entries[m->n++] = (struct entry){ extension, type };
	return 0;
}

/* The next word of a line; len 0 at its end. */
static weir_str next_word(weir_str *line)
{
	const char *p = line->ptr, *end = p + line->len, *start;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	start = p;
	while (p < end && *p != ' ' && *p != '\t' && *p != '\r')
		p++;
	*line = (weir_str){ p, (size_t)(end - p) };
	return (weir_str){ start, (size_t)(p - start) };
}

static bool is_type(weir_str word)
{
	if (!memchr(word.ptr, '/', word.len))
		return false;
	for (size_t i = 0; i < word.len; i++) {
		if (word.ptr[i] <= ' ' || word.ptr[i] == 0x7f)
			return false; /* it will stand in a field */
	}
	return true;
}

static int parse_line(struct mime *m, weir_str line)
{
	weir_str type = next_word(&line), extension;
	int r;

	if (type.len == 0 || type.ptr[0] == '#' || !is_type(type))
		return 0;
	while ((extension = next_word(&line)).len > 0) {
		if (extension.ptr[0] == '#')
			return 0;
		r = add(m, extension, type);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse(struct mime *m, size_t len)
{
	weir_str rest = { m->text, len };
	int r;

	while (rest.ptr) {
		r = parse_line(m, str_split(&rest, '\n'));
		if (r < 0)
			return r;
	}
	if (m->n > 0)
		qsort(m->entries, m->n, sizeof(*m->entries), compare);
	return 0;
}

int mime_load(const char *file, struct mime **ret_mime)
{
	_cleanup_(mime_freep) struct mime *m = calloc(1, sizeof(*m));
	FILE *in;
	size_t len = 0;
	int r;

	if (!m)
		return -ENOMEM;
	m->text = malloc(MAX_FILE);
	if (!m->text)
		return -ENOMEM;
	in = fopen(file, "re");
	if (in) {
		len = fread(m->text, 1, MAX_FILE, in);
		(void)fclose(in);
	}
	r = parse(m, len);
	if (r < 0)
		return r;
	*ret_mime = steal_ptr(m);
	return 0;
}

struct mime *mime_free(struct mime *m)
{
	if (!m)
		return NULL;
	free(m->entries);
	free(m->text);
	free(m);
	return NULL;
}

static const struct entry *find(const struct entry *entries, size_t n, weir_str extension)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare_text(entries[middle].extension, extension) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && weir_str_eq(entries[low].extension, extension) ? &entries[low] : NULL;
}

weir_str mime_of(const struct mime *m, weir_str name)
{
	const char *dot = name.len ? memrchr(name.ptr, '.', name.len) : NULL;
	const struct entry *entry = NULL;
	char text[MAX_EXTENSION];
	weir_str extension = { text, 0 };

	if (!dot)
		return WEIR_STR(UNKNOWN);
	extension.len = (size_t)(name.ptr + name.len - dot) - 1;
	if (extension.len > MAX_EXTENSION)
		return WEIR_STR(UNKNOWN);
	for (size_t i = 0; i < extension.len; i++)
		text[i] = lower(dot[1 + i]);
	if (m->n > 0)
		entry = find(m->entries, m->n, extension);
	if (!entry)
		entry = find(usual, ARRAY_LEN(usual), extension);
	return entry ? entry->type : WEIR_STR(UNKNOWN);
}
