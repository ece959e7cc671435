#ifndef WEIR_APP_STATIC_FILE_H
#define WEIR_APP_STATIC_FILE_H
/*
 * static_file.h - a file as it was when it was opened: what is said of it, and its bytes,
 * in memory if they are few, else behind a descriptor. With it those that stand
 * beside it compressed already (.br, .zst, .gz), each as good as the file itself.
 *
 * It is counted: who sends it keeps it, while the cache may have a newer one.
 */
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <weir/base.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/macro.h"
#include "proto/coding.h"

struct mime;
struct static_root;

/* Up to so many bytes are kept in memory: one send, and no descriptor. */
#define STATIC_FILE_SMALL ((uint64_t)32 * 1024)
#define STATIC_FILE_FIELDS 8

/* One of its forms. */
struct static_body {
	bool is_there;
	int fd;	     /* owned; -1: all of it is in bytes */
	char *bytes; /* owned; NULL: behind fd, or empty */
	uint64_t size;
	uint64_t warm_len; /* so much of its beginning was in memory, when it was last looked at */
	time_t modified;
	long modified_ns;
	char etag_text[64];
	weir_str etag;
	char date[CLOCK_HTTP_DATE];
	/* What a 304 has comes first. */
	weir_header fields[STATIC_FILE_FIELDS];
	unsigned n_fields, n_lasting;
};

struct static_file {
	unsigned n_refs;
	struct static_body bodies[CODING_COUNT];
	unsigned codings; /* of those that are there, bits: 1 << enum coding */
	bool has_fds;	  /* one of them is not in memory */
	char type[160];

	/* kept by static_cache.c */
	struct static_file *next;
	struct list used;
	uint64_t hash;
	int64_t fresh_until_ms;
	bool is_cached;
	size_t name_len;
	char name[]; /* beneath the root */
};

struct static_file_spec {
	const struct static_root *root;
	const struct mime *mime;
	const char *charset;	   /* of text; NULL: nothing is said */
	const char *cache_control; /* NULL: nothing is said */
	bool is_precompressed;	   /* look for its other forms */
};

/*
 * name ends with a NUL behind its len. All is borrowed; what spec points to, for the file's
 * life. As static_root_open_file(), or -ENOMEM. The caller has one reference.
 */
MUST_USE int static_file_open(const struct static_file_spec *spec, weir_str name, bool may_block,
			      struct static_file **ret_file);
static inline struct static_file *static_file_ref(struct static_file *file)
{
	file->n_refs++;
	return file;
}
/* Has nobody written to it since it was opened? Of one in memory that is not asked. */
bool static_file_is_same(const struct static_file *file);
struct static_file *static_file_unref(struct static_file *file);
DEFINE_CLEANUP(struct static_file, static_file_unref)

/* Are these bytes in memory, as far as one can tell? Else sending them would wait for a disk. */
bool static_file_is_warm(struct static_body *body, uint64_t offset, uint64_t len);
/* On a thread: sees to it. 0. */
int static_file_warm(const struct static_body *body, uint64_t offset, uint64_t len);

#endif
