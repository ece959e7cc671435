/*
 * module.c - what a module says about itself is checked once, here, and never
 * doubted again. The hard thing is that it was compiled against another
 * weir/module.h, perhaps: the sizes it carries say how much of each struct it
 * knew, so we step through its tables with its sizes and not with ours.
 *
 * What is wrong is said completely: a module has an author who will read it.
 */
#include "app/module.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/ws.h>

#include "app/dynlib.h"
#include "app/metrics_api.h"
#include "base/str.h"
#include "proto/http.h"

/* A table without its empty last entry ends here at the latest, and is then refused. */
#define MAX_HANDLERS 1000
#define MAX_JOBS 1000

/* What ABI 1.0 had: older does not exist. */
#define SIZE_1_0 (offsetof(weir_module, drain) + sizeof(((weir_module *)0)->drain))
#define HANDLER_SIZE_1_0 (offsetof(weir_handler_entry, flags) + sizeof(uint32_t))
#define JOB_SIZE_1_0 (offsetof(weir_job_entry, fn) + sizeof(weir_job_fn *))

#define NAME_MAX_LEN 64
/* Of is_name(). */
#define NAME_RULE "letters, digits, '_' and '-', 64 of them at most"

#define KNOWN_FLAGS ((uint32_t)WEIR_FINISH_ANYWAY)

static bool is_name(weir_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool is_digit = c >= '0' && c <= '9';

		if (!is_letter && !is_digit && c != '_' && c != '-')
			return false;
	}
	return s.len > 0 && s.len <= NAME_MAX_LEN;
}

bool module_is_websocket(const weir_handler_entry *entry)
{
	return entry->method && strcmp(entry->method, "WS") == 0;
}

weir_handler_entry module_handler_at(const struct weir_app *app, size_t i)
{
	const char *at = (const char *)app->def.handlers + i * app->def.handler_size;
	weir_handler_entry entry = { 0 };

	assert(i < app->n_handlers);
	memcpy(&entry, at,
	       app->def.handler_size < sizeof(entry) ? app->def.handler_size : sizeof(entry));
	return entry;
}

weir_job_entry module_job_at(const struct weir_app *app, size_t i)
{
	const char *at = (const char *)app->def.jobs + i * app->def.job_size;
	weir_job_entry entry = { 0 };

	assert(i < app->n_jobs);
	memcpy(&entry, at, app->def.job_size < sizeof(entry) ? app->def.job_size : sizeof(entry));
	return entry;
}

static int check_abi(const weir_module *def, const char *who, struct buf *words)
{
	if (def->abi_major != WEIR_ABI_MAJOR || def->abi_minor > WEIR_ABI_MINOR) {
		buf_say(words,
			"%s: built for weir's module ABI %u.%u, this server has %d.%d: "
			"%s",
			who, def->abi_major, def->abi_minor, WEIR_ABI_MAJOR, WEIR_ABI_MINOR,
			def->abi_major < WEIR_ABI_MAJOR
				? "rebuild the module"
				: "update weir, or build against its headers");
		return -ENOSYS;
	}
	if (def->size < SIZE_1_0 || def->handler_size < HANDLER_SIZE_1_0 ||
	    def->handler_size % _Alignof(weir_handler_entry) != 0) {
		buf_say(words,
			"%s: its description is damaged (size %u, handler size %u): "
			"write it with WEIR_MODULE(...)",
			who, def->size, def->handler_size);
		return -EINVAL;
	}
	if (def->jobs &&
	    (def->job_size < JOB_SIZE_1_0 || def->job_size % _Alignof(weir_job_entry) != 0)) {
		buf_say(words,
			"%s: its description is damaged (job size %u): "
			"write it with WEIR_MODULE(...)",
			who, def->job_size);
		return -EINVAL;
	}
	return 0;
}

static int check_handler(const weir_handler_entry *entry, const char *who, struct buf *words)
{
	if (!is_name(weir_strz(entry->name))) {
		buf_say(words, "%s: handler name '%s': only " NAME_RULE, who, entry->name);
		return -EINVAL;
	}
	if (!entry->fn && !(entry->ws && entry->ws->message)) {
		buf_say(words, "%s: handler '%s' has no function", who, entry->name);
		return -EINVAL;
	}
	if (entry->ws && (entry->fn || !module_is_websocket(entry))) {
		buf_say(words, "%s: handler '%s': `ws` stands instead of a function, with \"WS\"",
			who, entry->name);
		return -EINVAL;
	}
	if (entry->method && !module_is_websocket(entry) &&
	    http_method_parse(weir_strz(entry->method)) == HTTP_METHOD_UNKNOWN) {
		buf_say(words, "%s: handler '%s': '%s' is no method; say \"GET\", or NULL for any",
			who, entry->name, entry->method);
		return -EINVAL;
	}
	if (entry->path && entry->path[0] != '/') {
		buf_say(words, "%s: handler '%s': path '%s' must begin with '/'", who, entry->name,
			entry->path);
		return -EINVAL;
	}
	if (entry->flags & ~KNOWN_FLAGS) {
		buf_say(words, "%s: handler '%s': flags 0x%x are not known", who, entry->name,
			entry->flags & ~KNOWN_FLAGS);
		return -EINVAL;
	}
	return 0;
}

static bool has_earlier(const struct weir_app *app, size_t i, const char *name)
{
	for (size_t j = 0; j < i; j++) {
		if (strcmp(module_handler_at(app, j).name, name) == 0)
			return true;
	}
	return false;
}

/* Counts them while it checks them. */
static int check_handlers(struct weir_app *app, const char *who, struct buf *words)
{
	int r;

	for (size_t i = 0; app->def.handlers; i++) {
		weir_handler_entry entry;

		app->n_handlers = i + 1;
		entry = module_handler_at(app, i);
		if (!entry.name) {
			app->n_handlers = i;
			break;
		}
		if (i == MAX_HANDLERS) {
			buf_say(words,
				"%s: more than %d handlers; write them with WEIR_HANDLERS(...)",
				who, MAX_HANDLERS);
			return -EINVAL;
		}
		r = check_handler(&entry, who, words);
		if (r < 0)
			return r;
		if (has_earlier(app, i, entry.name)) {
			buf_say(words, "%s: two handlers are called '%s'", who, entry.name);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_job(const struct weir_app *app, size_t i, const char *who, struct buf *words)
{
	weir_job_entry entry = module_job_at(app, i);

	if (!is_name(weir_strz(entry.name))) {
		buf_say(words, "%s: job name '%s': only " NAME_RULE, who, entry.name);
		return -EINVAL;
	}
	if (!entry.fn) {
		buf_say(words, "%s: job '%s' has no function", who, entry.name);
		return -EINVAL;
	}
	for (size_t j = 0; j < i; j++) {
		if (strcmp(module_job_at(app, j).name, entry.name) != 0)
			continue;
		buf_say(words, "%s: two jobs are called '%s'", who, entry.name);
		return -EINVAL;
	}
	return 0;
}

/* As for handlers. */
static int check_jobs(struct weir_app *app, const char *who, struct buf *words)
{
	int r;

	for (size_t i = 0; app->def.jobs; i++) {
		app->n_jobs = i + 1;
		if (!module_job_at(app, i).name) {
			app->n_jobs = i;
			break;
		}
		if (i == MAX_JOBS) {
			buf_say(words, "%s: more than %d jobs; write them with WEIR_JOBS(...)", who,
				MAX_JOBS);
			return -EINVAL;
		}
		r = check_job(app, i, who, words);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Takes def over into app, after a look at all of it. who is for the words: a file, or a name. */
static int app_describe(struct weir_app *app, const weir_module *def, const char *who,
			struct buf *words)
{
	int r;

	r = check_abi(def, who, words);
	if (r < 0)
		return r;
	memcpy(&app->def, def, def->size < sizeof(app->def) ? def->size : sizeof(app->def));
	if (!app->def.name || !is_name(weir_strz(app->def.name))) {
		buf_say(words, "%s: needs a name of " NAME_RULE, who);
		return -EINVAL;
	}
	r = check_handlers(app, who, words);
	if (r < 0)
		return r;
	return check_jobs(app, who, words);
}

/* The last part of the path, without ".so". */
static weir_str stem(const char *path)
{
	const char *slash = strrchr(path, '/');
	weir_str s = weir_strz(slash ? slash + 1 : path);

	if (s.len > 3 && memcmp(s.ptr + s.len - 3, ".so", 3) == 0)
		s.len -= 3;
	return s;
}

static int copy_settings(struct weir_app *app, const struct module_setting *settings, size_t n)
{
	if (n == 0)
		return 0;
	app->settings = calloc(n, sizeof(*app->settings));
	if (!app->settings)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct module_setting *copy = &app->settings[app->n_settings++];

		copy->key = strdup(settings[i].key);
		copy->value = strdup(settings[i].value);
		if (!copy->key || !copy->value)
			return -ENOMEM;
	}
	return 0;
}

static struct weir_app *app_new(const struct log *log)
{
	struct weir_app *app = calloc(1, sizeof(*app));

	if (!app)
		return NULL;
	app->log = log;
	list_init(&app->tasks);
	return app;
}

struct weir_app *module_free(struct weir_app *app)
{
	if (!app)
		return NULL;
	assert(list_is_empty(&app->tasks));
	for (size_t i = 0; i < app->n_settings; i++) {
		free((char *)app->settings[i].key);
		free((char *)app->settings[i].value);
	}
	metrics_api_free(app->counted);
	free(app->settings);
	free(app->file);
	free(app->name);
	free(app);
	return NULL;
}

/* The description, or what its absence means. */
static int find_description(const struct weir_app *app, struct buf *words,
			    const weir_module **ret_def)
{
	const weir_module *def = dynlib_symbol(app->handle, "weir_module_1");

	if (def) {
		*ret_def = def;
		return 0;
	}
	if (dynlib_symbol(app->handle, "weir_module_2")) {
		buf_say(words,
			"%s: built for weir's module ABI 2, this server has %d.%d: update weir",
			app->file, WEIR_ABI_MAJOR, WEIR_ABI_MINOR);
		return -ENOSYS;
	}
	buf_say(words, "%s: not a weir module: it has no WEIR_MODULE(...)", app->file);
	return -EINVAL;
}

int module_open(const struct module_spec *spec, const struct log *log, struct buf *reterr_words,
		struct weir_app **ret_app)
{
	_cleanup_(module_freep) struct weir_app *app = app_new(log);
	weir_str name = spec->name ? weir_strz(spec->name) : stem(spec->path);
	const weir_module *def;
	int r;

	if (!app)
		return -ENOMEM;
	app->name = str_dup(name);
	if (!app->name)
		return -ENOMEM;
	r = copy_settings(app, spec->settings, spec->n_settings);
	if (r < 0)
		return r;
	r = dynlib_find(spec->path, spec->dirs, spec->n_dirs, reterr_words, &app->file);
	if (r < 0)
		return r;
	r = dynlib_open(app->file, reterr_words, &app->handle);
	if (r < 0)
		return r;
	r = find_description(app, reterr_words, &def);
	if (r < 0)
		return r;
	r = app_describe(app, def, app->file, reterr_words);
	if (r < 0)
		return r;
	if (strcmp(app->def.name, app->name) != 0) {
		buf_say(reterr_words, "%s: calls itself '%s', but is known as '%s'", app->file,
			app->def.name, app->name);
		return -EINVAL;
	}
	*ret_app = steal_ptr(app);
	return 0;
}

int module_wrap(const weir_module *def, const struct log *log, struct buf *reterr_words,
		struct weir_app **ret_app)
{
	_cleanup_(module_freep) struct weir_app *app = app_new(log);
	int r;

	if (!app)
		return -ENOMEM;
	r = app_describe(app, def, def->name ? def->name : "module", reterr_words);
	if (r < 0)
		return r;
	app->name = strdup(app->def.name);
	if (!app->name)
		return -ENOMEM;
	*ret_app = steal_ptr(app);
	return 0;
}

/* Handlers or jobs, for the words about one that is not there. */
struct entries {
	const char *what;
	size_t n;
	const char *(*name_at)(const struct weir_app *app, size_t i);
};

static const char *handler_name(const struct weir_app *app, size_t i)
{
	return module_handler_at(app, i).name;
}

static const char *job_name(const struct weir_app *app, size_t i)
{
	return module_job_at(app, i).name;
}

/* "did you mean", and what there is. */
static void say_unknown(const struct weir_app *app, const struct entries *of, weir_str name,
			struct buf *words)
{
	size_t nearest = SIZE_MAX, best = 3;

	buf_say(words, "module '%s' has no %s '%.*s'", app->name, of->what, WEIR_ARG(name));
	for (size_t i = 0; i < of->n; i++) {
		size_t d = str_distance(name, weir_strz(of->name_at(app, i)));

		if (d < best && d < name.len) {
			best = d;
			nearest = i;
		}
	}
	if (nearest != SIZE_MAX) {
		buf_say(words, "; did you mean '%s'?", of->name_at(app, nearest));
		return;
	}
	if (of->n == 0) {
		buf_say(words, ", nor any other");
		return;
	}
	buf_say(words, "; it has");
	for (size_t i = 0; i < of->n && i < 20; i++)
		buf_say(words, "%s %s", i ? "," : "", of->name_at(app, i));
	if (of->n > 20)
		buf_say(words, " and %zu more", of->n - 20);
}

int module_handler(const struct weir_app *app, weir_str name, struct buf *reterr_words,
		   weir_handler_entry *ret_entry)
{
	for (size_t i = 0; i < app->n_handlers; i++) {
		weir_handler_entry entry = module_handler_at(app, i);

		if (!weir_str_eq(weir_strz(entry.name), name))
			continue;
		*ret_entry = entry;
		return 0;
	}
	say_unknown(app, &(struct entries){ "handler", app->n_handlers, handler_name }, name,
		    reterr_words);
	return -ENOENT;
}

int module_job(const struct weir_app *app, weir_str name, struct buf *reterr_words,
	       weir_job_entry *ret_entry)
{
	for (size_t i = 0; i < app->n_jobs; i++) {
		weir_job_entry entry = module_job_at(app, i);

		if (!weir_str_eq(weir_strz(entry.name), name))
			continue;
		*ret_entry = entry;
		return 0;
	}
	say_unknown(app, &(struct entries){ "job", app->n_jobs, job_name }, name, reterr_words);
	return -ENOENT;
}

/* What a layer does that leaves a direction to the next one. */
static int hand_on_receive(const weir_io *io, weir_req *req, weir_event *ret_ev)
{
	return io->next->receive(io->next, req, ret_ev);
}

static int hand_on_send(const weir_io *io, weir_req *req, const weir_event *ev)
{
	return io->next->send(io->next, req, ev);
}

int module_middleware(const struct weir_app *app, weir_str name, struct buf *reterr_words,
		      weir_io *ret_io)
{
	const weir_io *io = NULL;
	char symbol[128];

	if (app->handle && is_name(name)) {
		(void)snprintf(symbol, sizeof(symbol), "weir_middleware_%.*s", WEIR_ARG(name));
		io = dynlib_symbol(app->handle, symbol);
	}
	if (!io) {
		buf_say(reterr_words,
			"module '%s' has no middleware '%.*s': it would say "
			"WEIR_MIDDLEWARE(%.*s, ...)",
			app->name, WEIR_ARG(name), WEIR_ARG(name));
		return -ENOENT;
	}
	*ret_io = (weir_io){
		.receive = io->receive ? io->receive : hand_on_receive,
		.send = io->send ? io->send : hand_on_send,
	};
	return 0;
}

const char *weir_app_setting(const weir_app *app, const char *key, const char *fallback)
{
	for (size_t i = 0; i < app->n_settings; i++) {
		if (strcmp(app->settings[i].key, key) == 0)
			return app->settings[i].value;
	}
	return fallback;
}

void weir_app_set_state(weir_app *app, void *state)
{
	app->state = state;
}

void *weir_app_state(const weir_app *app)
{
	return app->state;
}
