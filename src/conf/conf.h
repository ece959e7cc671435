#ifndef WEIR_CONF_CONF_H
#define WEIR_CONF_CONF_H
/*
 * conf.h - what the operator wants, as plain data: read once, checked, and
 * never changed afterwards. Everything in it lives in its own arena.
 *
 * A value comes from the command line, else from WEIR_NAME in the environment,
 * else from the file, else from the option table.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <weir/base.h>

#include "base/arena.h"
#include "base/macro.h"

struct cli;
struct inet_net;
struct messages;

/* The most that crash_limit may say: whoever counts crashes remembers that many. */
#define CONF_CRASH_LIMIT_MAX 100
/* The most that max_publication may say: a larger one would never reach another worker. */
#define CONF_PUBLICATION_MAX ((size_t)4 * 1024 * 1024)

/* Where something was written. */
struct conf_pos {
	const char *file; /* or "--listen", "WEIR_LISTEN"; NULL: nowhere, it is a default */
	int line, col;	  /* from 1; 0 when there are no lines */
};

/* A word that a later message may want to point at. text is NULL when it is absent. */
struct conf_name {
	const char *text;
	struct conf_pos pos;
};

enum conf_address_type { CONF_ADDRESS_TCP, CONF_ADDRESS_UNIX, CONF_ADDRESS_INHERITED };

struct conf_address {
	enum conf_address_type type;
	bool is_any; /* "*": [::] for both families, or 0.0.0.0 where there is no IPv6 */
	struct sockaddr_storage sockaddr;
	socklen_t len; /* of sockaddr */
	int inherited; /* borrowed: the socket, once inherited_resolve() has found it */
	const char
		*text; /* "127.0.0.1:8000", "[::1]:8000", "*:8000", "unix:/path", "systemd:name" */
};

/* Files in PEM, absolute. */
struct conf_certificate {
	struct conf_name certificate, key;
	struct conf_pos *origins;
};

struct conf_tls {
	bool is_on;		      /* something is said of it */
	struct conf_certificate only; /* as it stands in tls: itself, perhaps absent */
	const struct conf_certificate *certificates; /* those of the list */
	size_t n_certificates;
	const struct conf_certificate *all; /* of both; see conf_tls.h */
	size_t n_all;
	int verify;		    /* enum tls_verify (io/tls_ctx.h) */
	struct conf_name client_ca; /* a file; text is NULL when it is absent, so below */
	int min_version;	    /* enum tls_version */
	struct conf_name ciphers, ciphersuites;
	bool has_tickets, has_ktls;
	struct conf_pos *origins;
};

struct conf_listen {
	struct conf_pos pos;
	struct conf_pos *origins; /* of each value: see conf_origin.h; so below */
	struct conf_address address;
	unsigned mode; /* of a Unix socket */
	bool has_proxy_protocol;
	bool has_owner; /* of its file: it is not who starts the daemon */
	uid_t uid;
	gid_t gid;
	struct conf_tls tls;
};

struct conf_setting {
	const char *key, *value;
};

struct conf_module {
	struct conf_name path; /* absolute, or without '/': looked for in module_path */
	const char *name;      /* the file's, without directory and ".so" */
	const struct conf_setting *settings;
	size_t n_settings;
	const struct conf_pos *setting_origins; /* of each setting */
	struct conf_pos *origins;
};

/* Of WebSocket sessions. Times are milliseconds, sizes are bytes; a time of 0 turns its limit off. */
struct conf_websocket {
	uint64_t max_message;
	int64_t ping_interval_ms, ping_timeout_ms;
	int64_t close_timeout_ms;
	int64_t idle_timeout_ms, max_lifetime_ms;
	int slow_client; /* enum ws_slow (serve/ws_policy.h) */
	uint64_t send_queue;
	int64_t send_queue_age_ms;
	bool has_deflate, keeps_contexts;
	unsigned deflate_window, deflate_client_window; /* log2 of bytes */
	uint64_t deflate_min;
};

/* A route to the files of a directory. */
struct conf_static {
	struct conf_name root;	       /* absolute */
	const struct conf_name *index; /* not said: index.html; see conf_answer.h */
	size_t n_index;
	int symlinks; /* enum static_symlinks (app/static_root.h) */
	bool shows_dot_files, is_precompressed, has_listings;
	struct conf_name cache_control; /* text is NULL when it is absent */
	struct conf_name charset;	/* "none" */
	unsigned max_open;
	struct conf_pos *origins;
};

/* A route that goes somewhere else. */
struct conf_redirect {
	struct conf_name to;
	unsigned status;
	bool keeps_query;
	struct conf_pos *origins;
};

/* A route whose answer is always the same. */
struct conf_respond {
	unsigned status;
	struct conf_name type, body; /* text is NULL when it is absent */
	const struct conf_setting *headers;
	size_t n_headers;
	const struct conf_pos *header_origins; /* of each */
	struct conf_pos *origins;
};

/* What answers a route. */
enum conf_answer {
	CONF_ANSWER_HANDLER,
	CONF_ANSWER_STATIC,
	CONF_ANSWER_REDIRECT,
	CONF_ANSWER_RESPOND,
};

/* Compressed answers. */
struct conf_gzip {
	bool is_on;
	uint64_t min;
	unsigned level;
	const struct conf_name *types; /* none: the usual ones */
	size_t n_types;
};

struct conf_route {
	struct conf_name path;	  /* "/users/{id}" */
	struct conf_name host;	  /* "*.example.org"; text is NULL when it is absent */
	uint64_t methods;	  /* bits: 1 << enum http_method; 0: any */
	enum conf_answer answer;  /* see conf_answer.h */
	struct conf_name handler; /* "module.entry"; of another answer "weir.redirect" and so on */
	struct conf_static files;
	struct conf_redirect redirect;
	struct conf_respond respond;
	const struct conf_name *middleware; /* "module.name", outermost first */
	size_t n_middleware;
	int half_close; /* enum half_close (serve/exchange.h) */
	uint64_t max_body;
	uint64_t request_memory;
	int64_t body_timeout_ms;
	int64_t send_timeout_ms;
	uint64_t min_rate; /* bytes a second */
	bool has_access_log;
	bool access_log_only_errors;
	unsigned access_log_sample; /* one in so many */
	unsigned redirect_https;    /* a port; 0: plain requests are served */
	int64_t hsts_ms;	    /* 0: nothing is said */
	bool hsts_has_subdomains;
	struct conf_gzip gzip;
	unsigned rate_limit; /* in each period; 0: any number */
	int64_t rate_period_ms;
	unsigned rate_burst; /* 0: as many as rate_limit */
	bool is_websocket;
	struct conf_websocket websocket;
	const struct conf_name *allowed_origins; /* of WebSockets */
	size_t n_allowed_origins;
	struct conf_pos *origins;
};

/* A pool of job processes. Times are milliseconds, sizes are bytes. */
struct conf_job_pool {
	const char *name;	/* "default" of the first: what jobs: itself says */
	struct conf_name label; /* the same, with its place */
	unsigned processes;	/* that run jobs at the same time */
	unsigned queue;		/* jobs that may wait */
	int64_t run_timeout_ms; /* of a job that says nothing; 0: none */
	int64_t max_run_ms;	/* the most that one may ask for; 0: no limit */
	int64_t grace_ms;	/* from asking a running job to end to killing it */
	uint64_t memory;	/* address space of a process (RLIMIT_AS); 0: no limit */
	int64_t cpu_time_ms;	/* of one job; 0: no limit */
	unsigned recycle_jobs;	/* a process is replaced after so many; 0: never, as below */
	int64_t recycle_age_ms;
	uint64_t recycle_resident;
	int nice; /* 0 to 19 */
	bool is_sandboxed;
	const char *const *sandbox_paths; /* absolute: what a sandboxed job may read */
	size_t n_sandbox_paths;
	struct conf_pos *origins;
};

struct conf_jobs {
	const struct conf_job_pool *pools; /* at least one */
	size_t n_pools;
	uint64_t max_result;	    /* of a job's input, too */
	struct conf_job_pool usual; /* what a pool has that does not say anything else */
	struct conf_pos *origins;
};

enum conf_access_log_type { CONF_ACCESS_LOG_OFF, CONF_ACCESS_LOG_STDOUT, CONF_ACCESS_LOG_FILE };

struct conf_access_log {
	enum conf_access_log_type type;
	const char *path; /* absolute; NULL when it is not a file */
};

/* Where load balancers and supervisors ask how the daemon is. */
struct conf_health {
	struct conf_address listen; /* text is NULL: nobody answers */
	int64_t stall_ms;	    /* a worker whose loop turns longer is stuck */
	int64_t notice_ms; /* between "not ready any more" and the end of listening, when it stops */
	struct conf_pos *origins;
};

/* Where weirctl speaks to the daemon. */
struct conf_control {
	struct conf_name socket;     /* absolute; text is NULL: nowhere */
	struct conf_address address; /* the same, once it was checked */
	unsigned mode;
	struct conf_name group; /* that the socket belongs to; text is NULL: the daemon's own */
	struct conf_pos *origins;
};

/* Whom all processes but the master run as: see daemon/privileges.h. */
struct conf_privileges {
	struct conf_name user, group, chroot; /* text is NULL when absent; chroot is absolute */
	bool has_user;			      /* it is known: */
	uid_t uid;
	gid_t gid;
};

/* What the serving code needs to know. Times are milliseconds, sizes are bytes. */
struct conf_limits {
	int64_t handshake_timeout_ms;
	int64_t header_timeout_ms;
	int64_t body_timeout_ms;
	int64_t send_timeout_ms;
	uint64_t min_rate; /* bytes a second */
	int64_t min_rate_after_ms;
	int64_t keep_alive_ms;
	int64_t graceful_timeout_ms;
	int64_t websocket_grace_ms;
	int64_t reload_spread_ms;
	uint64_t max_head;
	uint64_t max_target;
	uint64_t max_body;
	uint64_t request_memory;
	uint64_t high_water;
	uint64_t memory_budget; /* of one worker's buffers */
	uint64_t stack_size;
	unsigned max_fields;
	unsigned max_connections; /* of all workers; 0: as many as there are descriptors for */
	unsigned max_tasks;	  /* of one group, or of a module's background */
	unsigned backlog;
	unsigned redirect_https; /* as of a route; and so the next two */
	int64_t hsts_ms;
	bool hsts_has_subdomains;
	unsigned threads;	/* of one worker, for blocking calls */
	int64_t stall_limit_ms; /* a handler that holds the loop longer is logged; 0: no watchdog */
	int64_t stall_abort_ms; /* and its worker replaced; 0: never */
	unsigned crash_limit;	/* a route that crashes so often is answered 503; 0: never */
	int64_t crash_window_ms;	 /* within so long */
	struct conf_websocket websocket; /* of routes that say nothing else */
	struct conf_gzip gzip;		 /* the same */
	uint64_t send_queue_budget;	 /* of one worker's WebSockets */
	uint64_t publish_budget;	 /* of one worker's topics */
	uint64_t max_publication;
};

enum conf_unknown_hosts { CONF_UNKNOWN_HOSTS_SERVE, CONF_UNKNOWN_HOSTS_REFUSE };

/* Who stands before the server: proxies, and clients who ask too much. */
struct conf_front {
	const struct conf_name *trusted_proxies; /* as written; see conf_front.h */
	size_t n_trusted_proxies;
	const struct inet_net *nets; /* of them */
	size_t n_nets;
	bool trusts_unix;
	int forwarded;			      /* enum forwarded_kind (proto/forwarded.h) */
	int unknown_hosts;		      /* enum conf_unknown_hosts */
	unsigned max_connections_per_address; /* 0: any number */
	unsigned rate_limit, rate_burst;      /* as of a route */
	int64_t rate_period_ms;
	unsigned rate_addresses;
};

struct conf {
	const char *file;	/* as given to -c; NULL without one */
	const char *dir;	/* absolute: what relative paths in the file are relative to */
	const char *cwd;	/* absolute: the same for the environment and the command line */
	const char *run_module; /* `weir run`: the one module, whose own paths are the routes */
	unsigned n_workers;
	int log_level; /* enum log_level */
	struct conf_access_log access_log;
	struct conf_name access_log_format;
	int take_ids; /* enum site_ids (app/site.h) */
	bool logs_ids;
	uint64_t metrics_memory; /* of each worker, in bytes */
	struct conf_limits limits;
	struct conf_front front;
	const struct conf_listen *listen; /* at least one */
	size_t n_listen;
	const char *const *module_path; /* absolute directories */
	size_t n_module_path;
	const struct conf_module *modules;
	size_t n_modules;
	const struct conf_route *routes;
	size_t n_routes;
	struct conf_jobs jobs;
	struct conf_health health;
	struct conf_control control;
	struct conf_privileges privileges;
	struct conf_pos *origins;

	struct arena arena; /* owns all of the above */
	struct budget budget;
};

/*
 * All problems go to messages, sorted by where they are. -EINVAL: there are
 * some; even then *ret_conf is set if the file could be read at all, without
 * what was wrong in it, so that `weir -t` can go on looking; nothing may be
 * served from it. Otherwise 0, or -ENOMEM.
 */
MUST_USE int conf_load(const struct cli *cli, struct messages *messages, struct conf **ret_conf);
/* Empty, but for its arena. NULL without memory. */
struct conf *conf_new(void);
struct conf *conf_free(struct conf *conf);
DEFINE_CLEANUP(struct conf, conf_free)

/* The module of that name; NULL. */
const struct conf_module *conf_find_module(const struct conf *conf, weir_str name);

/* "shop.user" is module "shop", entry "user". -EINVAL when it has no such form. */
MUST_USE int conf_split_name(const char *text, weir_str *ret_module, weir_str *ret_entry);

#endif
