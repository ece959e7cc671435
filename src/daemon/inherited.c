/*
 * inherited.c - see inherited.h. The variables are read each time they are needed: the
 * environment is where an upgrade of the binary finds them again, too. LISTEN_PID says
 * whom they are for, so that no child takes descriptors for its own that are none.
 */
#include "daemon/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"
#include "conf/conf_origin.h"
#include "conf/messages.h"
#include "conf/option_table.h"
#include "io/sock.h"

#define FIRST_FD 3
/* More than anybody has; what a broken environment says must not make loops endless. */
#define MAX_FDS 1024
/* Room for the names of all, in a message. */
#define NAMES_TEXT 200

static bool read_number(const char *variable, uint64_t max, uint64_t *ret_number)
{
	const char *text = getenv(variable);

	return text && str_to_u64(weir_strz(text), ret_number) >= 0 && *ret_number <= max;
}

unsigned inherited_count(void)
{
	uint64_t pid, n;

	if (!read_number("LISTEN_PID", INT32_MAX, &pid) || pid != (uint64_t)getpid())
		return 0;
	return read_number("LISTEN_FDS", MAX_FDS, &n) ? (unsigned)n : 0;
}

/* Of the socket at that index. Who hands over sockets without names calls them so. */
static weir_str name_of(unsigned index)
{
	const char *names = getenv("LISTEN_FDNAMES");
	weir_str rest = weir_strz(names ? names : ""), name = str_split(&rest, ':');

	for (unsigned i = 0; i < index; i++)
		name = str_split(&rest, ':');
	return name.len > 0 ? name : WEIR_STR("unknown");
}

static weir_str wanted(const struct conf_listen *listen)
{
	weir_str text = weir_strz(listen->address.text);
	size_t prefix = strlen("systemd:");

	return (weir_str){ text.ptr + prefix, text.len - prefix };
}

static unsigned count_named(weir_str name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < inherited_count(); i++)
		n += weir_str_eq(name_of(i), name);
	return n;
}

/* "http", "https" */
static void write_names(char ret_text[NAMES_TEXT])
{
	char quote[MESSAGES_QUOTE];
	size_t len = 0;

	ret_text[0] = '\0';
	for (unsigned i = 0; i < inherited_count() && len < NAMES_TEXT; i++)
		len += (size_t)snprintf(ret_text + len, NAMES_TEXT - len, "%s%s", i > 0 ? ", " : "",
					messages_quote(name_of(i), quote));
}

static const struct conf_pos *pos_of(const struct conf_listen *listen)
{
	return listen->origins
		       ? conf_origin_get(option_table_find(OPTION_LISTEN, WEIR_STR("address")),
					 listen)
		       : &listen->pos;
}

static void say_missing(const struct conf_listen *listen, struct messages *messages)
{
	char names[NAMES_TEXT];

	if (inherited_count() == 0) {
		messages_add(messages, pos_of(listen),
			     "address: %s: there are no sockets from a service manager "
			     "(LISTEN_FDS); start a socket unit that says FileDescriptorName=%.*s",
			     listen->address.text, WEIR_ARG(wanted(listen)));
		return;
	}
	write_names(names);
	messages_add(messages, pos_of(listen),
		     "address: %s: no socket has that name, only %s; it is said by "
		     "FileDescriptorName= of the socket unit",
		     listen->address.text, names);
}

static void say_unfit(const struct conf_listen *listen, int error, struct messages *messages)
{
	const char *why = strerror(-error);

	if (error == -EPROTOTYPE)
		why = "it is no stream socket: the unit needs ListenStream=";
	else if (error == -ENOTCONN)
		why = "it does not listen: the unit needs Accept=no";
	else if (error == -ENOTSOCK || error == -EBADF)
		why = "it is no socket: the unit needs ListenStream=";
	messages_add(messages, pos_of(listen), "address: %s cannot be used: %s",
		     listen->address.text, why);
}

/* "systemd:http (127.0.0.1:80)": what messages call it from now on. */
static int describe(struct conf *conf, struct conf_address *address)
{
	char name[SOCK_NAME_MAX] = "", *text;
	struct sock_addr local;
	size_t size;

	if (sock_local(address->inherited, &local) < 0)
		return 0;
	(void)sock_name(&local, name);
	size = strlen(address->text) + strlen(name) + sizeof(" ()");
	text = arena_bytes(&conf->arena, size);
	if (!text)
		return -ENOMEM;
	(void)snprintf(text, size, "%s (%s)", address->text, name);
	address->text = text;
	return 0;
}

/* One listener for each socket of the name. */
static int add_named(struct conf *conf, const struct conf_listen *listen, struct conf_listen *items,
		     size_t *n_items, struct messages *messages)
{
	weir_str name = wanted(listen);
	bool is_known = false;

	for (unsigned i = 0; i < inherited_count(); i++) {
		struct conf_listen *item = &items[*n_items];
		int r;

		if (!weir_str_eq(name_of(i), name))
			continue;
		is_known = true;
		r = sock_inherit(FIRST_FD + (int)i);
		if (r < 0) {
			say_unfit(listen, r, messages);
			continue;
		}
		*item = *listen;
		item->address.inherited = FIRST_FD + (int)i;
		r = describe(conf, &item->address);
		if (r < 0)
			return r;
		++*n_items;
	}
	if (!is_known)
		say_missing(listen, messages);
	return 0;
}

static bool is_wanted(const struct conf *conf, weir_str name)
{
	for (size_t i = 0; i < conf->n_listen; i++) {
		if (conf->listen[i].address.type == CONF_ADDRESS_INHERITED &&
		    weir_str_eq(wanted(&conf->listen[i]), name))
			return true;
	}
	return false;
}

/* Whoever connects there waits for ever. */
static void warn_of_others(const struct conf *conf, struct messages *messages)
{
	char quote[MESSAGES_QUOTE];

	for (unsigned i = 0; i < inherited_count(); i++) {
		weir_str name = name_of(i);

		(void)sock_set_cloexec(FIRST_FD + (int)i); /* closed already, then */
		if (is_wanted(conf, name))
			continue;
		messages_warn(messages, NULL,
			      "the service manager has given a socket %s, which no listener uses "
			      "(\"address: systemd:%.*s\")",
			      messages_quote(name, quote), WEIR_ARG(name));
	}
}

int inherited_resolve(struct conf *conf, struct messages *messages)
{
	struct conf_listen *items;
	size_t n_items = 0, n_max = 0, n_errors = messages->n_errors;
	int r = 0;

	warn_of_others(conf, messages);
	for (size_t i = 0; i < conf->n_listen; i++) {
		const struct conf_listen *listen = &conf->listen[i];
		bool is_inherited = listen->address.type == CONF_ADDRESS_INHERITED;

		n_max += is_inherited ? count_named(wanted(listen)) : 1;
	}
	items = arena_alloc(&conf->arena, (n_max + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < conf->n_listen && r == 0; i++) {
		if (conf->listen[i].address.type == CONF_ADDRESS_INHERITED)
			r = add_named(conf, &conf->listen[i], items, &n_items, messages);
		else
			items[n_items++] = conf->listen[i];
	}
	conf->listen = items;
	conf->n_listen = n_items;
	if (r < 0)
		return r;
	return messages->n_errors > n_errors ? -EINVAL : 0;
}

void inherited_hand_on(bool is_handed)
{
	for (unsigned i = 0; i < inherited_count(); i++)
		(void)fcntl(FIRST_FD + (int)i, F_SETFD, is_handed ? 0 : FD_CLOEXEC);
}

void inherited_lend(unsigned n)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (n > 0 && setenv("LISTEN_PID", pid, 1) == 0)
		inherited_hand_on(true);
}

void inherited_close(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)close(FIRST_FD + (int)i);
}
