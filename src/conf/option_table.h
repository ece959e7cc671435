#ifndef WEIR_CONF_OPTION_TABLE_H
#define WEIR_CONF_OPTION_TABLE_H
/*
 * option_table.h - every option there is: name, type, limits, default, help,
 * and where in struct conf it goes. The reader, the environment, `weir -t`,
 * `weir --help-config` and the packaged file all come from it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

struct conf;

/* Which mapping of the file an option stands in, and so which struct it is a field of. */
enum option_place {
	OPTION_TOP,	    /* struct conf */
	OPTION_LISTEN,	    /* struct conf_listen */
	OPTION_MODULE,	    /* struct conf_module */
	OPTION_ROUTE,	    /* struct conf_route */
	OPTION_JOBS,	    /* struct conf_jobs */
	OPTION_POOL,	    /* struct conf_job_pool */
	OPTION_TLS,	    /* struct conf_tls */
	OPTION_CERTIFICATE, /* struct conf_certificate */
	OPTION_STATIC,	    /* struct conf_static */
	OPTION_REDIRECT,    /* struct conf_redirect */
	OPTION_RESPOND,	    /* struct conf_respond */
	OPTION_HEALTH,	    /* struct conf_health */
	OPTION_CONTROL,	    /* struct conf_control */
};

enum option_type {
	/* one value */
	OPTION_COUNT,	    /* unsigned */
	OPTION_SIZE,	    /* uint64_t, bytes */
	OPTION_DURATION,    /* int64_t, milliseconds */
	OPTION_RATE,	    /* uint64_t, bytes a second */
	OPTION_BOOL,	    /* bool */
	OPTION_OCTAL,	    /* unsigned: permission bits */
	OPTION_CHOICE,	    /* int: one of choices */
	OPTION_WORKERS,	    /* unsigned; auto is the CPUs this process may use */
	OPTION_ACCESS_LOG,  /* struct conf_access_log */
	OPTION_ADDRESS,	    /* struct conf_address */
	OPTION_NAME,	    /* struct conf_name */
	OPTION_MODULE_FILE, /* struct conf_name: absolute, or without a slash */
	OPTION_FILE,	    /* struct conf_name: absolute */
	/* several; the number goes to n_offset */
	OPTION_NAMES,	    /* const struct conf_name * */
	OPTION_ORIGINS,	    /* the same: see option_origin.h */
	OPTION_DIRECTORIES, /* const char *const *, absolute */
	OPTION_METHODS,	    /* uint64_t of bits, no number */
	OPTION_SETTINGS,    /* const struct conf_setting *: any keys */
	OPTION_ITEMS,	    /* mappings of the place `items` */
	OPTION_MAPPING,	    /* one of them, which is no list: the struct itself */
};

enum option_kind { OPTION_OF_ALL, OPTION_OF_HTTP, OPTION_OF_WEBSOCKETS };

struct option_choice {
	const char *word;
	int value;
};

struct option_spec {
	const char *name;
	enum option_place place;
	enum option_type type;
	size_t offset, n_offset;
	size_t origins_offset; /* of OPTION_SETTINGS: const struct conf_pos *, of each setting */
	uint64_t min, max;     /* of a number */
	const char *fallback;  /* the default, as it would be written; NULL: none */
	bool is_inherited;     /* the default is that of the same name, see option_table_above() */
	bool is_required;
	bool is_one_of;			     /* one of those that are must be there, and no other */
	enum option_kind kind;		     /* of OPTION_ROUTE: of routes of which kind */
	bool decides_kind;		     /* a bool: true makes the route one of WebSockets */
	const char *env;		     /* one more variable, after WEIR_NAME */
	enum option_place items;	     /* of OPTION_ITEMS and OPTION_MAPPING */
	const struct option_choice *choices; /* ends with word NULL */
	const char *pattern; /* of names and origins: all that are good match it (ECMA) */
	const char *help;    /* whole sentences */
	const char *example; /* of several: lines for the packaged file */
	/* Of the row that ends an array, with name NULL: where more of its places stand; NULL. */
	const struct option_spec *more;
};

/* All of that place in turn: start with NULL; NULL at the end. */
const struct option_spec *option_table_next(enum option_place place,
					    const struct option_spec *last);
/* NULL when there is none. */
const struct option_spec *option_table_find(enum option_place place, weir_str name);
/* Position among those of its place, less than OPTION_MAX, for sets of them. */
#define OPTION_MAX 128
size_t option_table_index(const struct option_spec *option);

/*
 * The option that it inherits from, and the struct of conf that this one is in: of a route
 * the whole file's, of a pool that of jobs. NULL when it inherits nothing.
 */
const struct option_spec *option_table_above(const struct option_spec *option,
					     const struct conf *conf, const void **ret_base);

/* Bytes of the struct that such a place is about. */
size_t option_table_size(enum option_place place);

/* It is no single value, but several, or a mapping. */
bool option_table_is_list(const struct option_spec *option);

/* "WEIR_MAX_BODY"; only options of OPTION_TOP with one value, and listen, have one. */
#define OPTION_ENV 64
bool option_table_env(const struct option_spec *option, char ret_name[OPTION_ENV]);

#endif
