/*
 * conf.c - the order in which the sources of a configuration are asked. Values
 * first, from the weakest source to the strongest, each over the one before;
 * then the lists, since routes inherit values.
 */
#include "conf/conf.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/str.h"
#include "conf/cli.h"
#include "conf/conf_check.h"
#include "conf/conf_env.h"
#include "conf/conf_file.h"
#include "conf/conf_jobs.h"
#include "conf/conf_origin.h"
#include "conf/conf_read.h"
#include "conf/conf_tree.h"
#include "conf/messages.h"
#include "conf/option_value.h"

#define CONF_MEMORY ((size_t)64 * 1024 * 1024)

struct conf *conf_new(void)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return NULL;
	conf->budget.limit = CONF_MEMORY;
	arena_init(&conf->arena, &conf->budget);
	return conf;
}

struct conf *conf_free(struct conf *conf)
{
	if (!conf)
		return NULL;
	arena_done(&conf->arena);
	free(conf);
	return NULL;
}

static const char *copy_text(struct conf *conf, weir_str text)
{
	char *copy = arena_bytes(&conf->arena, text.len + 1);

	if (!copy)
		return NULL;
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return copy;
}

/* Where relative paths lead: of the command line and environment, and of the file. */
static int set_dirs(struct conf *conf, const char *file, struct messages *messages)
{
	_cleanup_(freep) char *cwd = getcwd(NULL, 0);
	const char *slash = file ? strrchr(file, '/') : NULL;

	if (!cwd && errno == ENOMEM)
		return -ENOMEM;
	if (!cwd) {
		messages_add(messages, NULL, "the current directory: %s", strerror(errno));
		return -EINVAL;
	}
	conf->cwd = copy_text(conf, weir_strz(cwd));
	if (!conf->cwd)
		return -ENOMEM;
	conf->dir = conf->cwd;
	if (file) {
		conf->file = copy_text(conf, weir_strz(file));
		if (!conf->file)
			return -ENOMEM;
	}
	if (slash) {
		size_t len = slash == file ? 1 : (size_t)(slash - file);

		conf->dir = option_value_absolute(&conf->arena, conf->cwd, (weir_str){ file, len });
	}
	return conf->dir ? 0 : -ENOMEM;
}

static int set_default_module_path(struct conf *conf)
{
	const char **dirs;

	if (conf->n_module_path > 0)
		return 0;
	dirs = arena_alloc(&conf->arena, 2 * sizeof(*dirs));
	if (!dirs)
		return -ENOMEM;
	dirs[0] = conf->dir;
	dirs[1] = WEIR_MODULE_DIR;
	conf->module_path = dirs;
	conf->n_module_path = 2;
	return 0;
}

/* "/srv/shop.so" is module "shop". */
static int set_module_names(struct conf *conf)
{
	/* Nobody else has conf yet; it becomes read-only when it is handed out. */
	struct conf_module *modules = (struct conf_module *)conf->modules;

	for (size_t i = 0; i < conf->n_modules; i++) {
		const char *file = strrchr(modules[i].path.text, '/');
		weir_str name = weir_strz(file ? file + 1 : modules[i].path.text);

		if (name.len > 3 && memcmp(name.ptr + name.len - 3, ".so", 3) == 0)
			name.len -= 3;
		modules[i].name = copy_text(conf, name);
		if (!modules[i].name)
			return -ENOMEM;
	}
	return 0;
}

/* `weir run shop.so`: one module, relative to where the command was typed. */
static int set_run_module(struct conf *conf, const char *path)
{
	static const struct conf_pos pos = { "run", 0, 0 };
	struct conf_module *module = arena_alloc(&conf->arena, sizeof(*module));
	const char *absolute = option_value_absolute(&conf->arena, conf->cwd, weir_strz(path));
	int r;

	if (!module || !absolute)
		return -ENOMEM;
	*module = (struct conf_module){ .path = { .text = absolute } };
	r = conf_origin_make(conf, OPTION_MODULE, module);
	if (r < 0)
		return r;
	conf_origin_set(option_table_find(OPTION_MODULE, WEIR_STR("path")), module, &pos);
	conf_origin_set(option_table_find(OPTION_TOP, WEIR_STR("modules")), conf, &pos);
	conf->modules = module;
	conf->n_modules = 1;
	conf->run_module = absolute;
	return 0;
}

static int fill(struct conf *conf, const struct cli *cli, const struct conf_node *root,
		struct messages *messages)
{
	int r;

	r = conf_read_defaults(conf, OPTION_TOP, conf);
	if (r < 0)
		return r;
	r = conf_read_values(conf, root, messages);
	if (r < 0)
		return r;
	r = conf_env_values(conf, cli, messages);
	if (r < 0)
		return r;
	r = conf_read_lists(conf, root, messages);
	if (r < 0)
		return r;
	r = conf_env_listen(conf, cli, messages);
	if (r < 0)
		return r;
	if (cli->run_module) {
		r = set_run_module(conf, cli->run_module);
		if (r < 0)
			return r;
	}
	r = set_default_module_path(conf);
	if (r < 0)
		return r;
	r = set_module_names(conf);
	if (r < 0)
		return r;
	r = conf_jobs_set_pools(conf);
	if (r < 0)
		return r;
	return conf_check(conf, messages);
}

/* -EINVAL when the file is no tree. */
static int load_file(struct conf *conf, struct messages *messages, struct arena *arena,
		     struct conf_node **ret_root)
{
	struct buf text;
	int r;

	buf_init(&text, 0);
	r = conf_file_read(conf->file, messages, &text);
	if (r >= 0)
		r = messages_set_source(messages, conf->file, buf_str(&text));
	if (r >= 0)
		r = conf_tree_parse(arena, conf->file, buf_str(&text), messages, ret_root);
	buf_done(&text);
	return r;
}

static int load(struct conf *conf, const struct cli *cli, struct messages *messages)
{
	struct budget budget = { .limit = CONF_MEMORY };
	struct conf_node *root = NULL;
	struct arena arena;
	int r;

	arena_init(&arena, &budget);
	r = set_dirs(conf, cli->file, messages);
	if (r >= 0 && cli->file)
		r = load_file(conf, messages, &arena, &root);
	if (r >= 0)
		r = fill(conf, cli, root, messages);
	arena_done(&arena);
	return r;
}

int conf_load(const struct cli *cli, struct messages *messages, struct conf **ret_conf)
{
	_cleanup_(conf_freep) struct conf *conf = conf_new();
	int r;

	if (!conf)
		return -ENOMEM;
	r = load(conf, cli, messages);
	messages_sort(messages);
	if (r < 0)
		return r;
	*ret_conf = steal_ptr(conf);
	return messages->n_errors > 0 ? -EINVAL : 0;
}

const struct conf_module *conf_find_module(const struct conf *conf, weir_str name)
{
	for (size_t i = 0; i < conf->n_modules; i++) {
		if (weir_str_eq(name, weir_strz(conf->modules[i].name)))
			return &conf->modules[i];
	}
	return NULL;
}

int conf_split_name(const char *text, weir_str *ret_module, weir_str *ret_entry)
{
	const char *dot = strrchr(text, '.');

	if (!dot || dot == text || dot[1] == '\0')
		return -EINVAL;
	*ret_module = (weir_str){ text, (size_t)(dot - text) };
	*ret_entry = weir_strz(dot + 1);
	return 0;
}
