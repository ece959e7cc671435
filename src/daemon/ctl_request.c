/* ctl_request.c - see ctl_request.h. */
#include "daemon/ctl_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

#define MAX_WORDS 2
#define MAX_SLOTS 65536

static int parse_slot(weir_str text, unsigned *ret_slot)
{
	uint64_t slot;
	int r;

	r = str_to_u64(text, &slot);
	if (r < 0 || slot >= MAX_SLOTS)
		return -EINVAL;
	*ret_slot = (unsigned)slot;
	return 0;
}

static int parse_tag(weir_str text, uint32_t *ret_tag)
{
	uint32_t tag = 0;

	if (text.len != 8)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c >= '0' && c <= '9')
			tag = tag * 16 + (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			tag = tag * 16 + (uint32_t)(c - 'a') + 10;
		else
			return -EINVAL;
	}
	*ret_tag = tag;
	return 0;
}

static int parse_id(struct ctl_request *request, weir_str word, const char **reterr_words)
{
	weir_str tag = word, slot = str_split(&tag, '-');

	*reterr_words = word.len ? "that is no ID of ps or conns"
				 : "an ID of ps or conns is needed";
	if (!tag.ptr || parse_slot(slot, &request->id.slot) < 0)
		return -EINVAL;
	return parse_tag(tag, &request->id.tag);
}

static int parse_drain(struct ctl_request *request, weir_str word, const char **reterr_words)
{
	unsigned slot = 0;

	*reterr_words = "a slot is a number, as in status";
	if (word.len > 0 && parse_slot(word, &slot) < 0)
		return -EINVAL;
	request->slot = word.len > 0 ? (int)slot : -1;
	return 0;
}

static int parse_level(struct ctl_request *request, weir_str word, const char **reterr_words)
{
	char name[16] = "";

	*reterr_words = "a level is error, warn, notice, info or debug";
	request->level = -1;
	if (word.len == 0)
		return 0;
	if (word.len >= sizeof(name))
		return -EINVAL;
	memcpy(name, word.ptr, word.len);
	return log_level_parse(name, &request->level);
}

/* Most take no word. */
static int parse_none(struct ctl_request *request, weir_str word, const char **reterr_words)
{
	*reterr_words = "this command takes no argument";
	return word.len > 0 ? -EINVAL : 0;
}

static const struct {
	const char *name;
	enum ctl_command command;
	int (*parse)(struct ctl_request *request, weir_str word, const char **reterr_words);
} commands[] = {
	{ "status", CTL_STATUS, parse_none }, { "ps", CTL_TASKS, parse_none },
	{ "conns", CTL_CONNS, parse_none },   { "bt", CTL_BACKTRACE, parse_id },
	{ "kill", CTL_KILL, parse_id },	      { "reload", CTL_RELOAD, parse_none },
	{ "drain", CTL_DRAIN, parse_drain },  { "loglevel", CTL_LOG_LEVEL, parse_level },
};

int ctl_request_parse(weir_str line, struct ctl_request *ret_request, const char **reterr_words)
{
	struct ctl_request request = { .slot = -1, .level = -1 };
	weir_str words[MAX_WORDS] = { { "", 0 }, { "", 0 } };
	size_t n = 0;

	while (line.ptr) {
		weir_str word = str_split(&line, ' ');

		if (word.len == 0)
			continue;
		if (n == MAX_WORDS) {
			*reterr_words = "that are too many words";
			return -EINVAL;
		}
		words[n++] = word;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!weir_str_eq(words[0], weir_strz(commands[i].name)))
			continue;
		request.command = commands[i].command;
		if (commands[i].parse(&request, words[1], reterr_words) < 0)
			return -EINVAL;
		*ret_request = request;
		return 0;
	}
	*reterr_words = "commands are status, ps, conns, bt ID, kill ID, reload, drain [SLOT] and "
			"loglevel [LEVEL]";
	return -EINVAL;
}

uint32_t ctl_request_tag(const void *at, weir_str who)
{
	char text[96];
	size_t len = sizeof(at);

	memcpy(text, &at, sizeof(at));
	if (who.len > sizeof(text) - len)
		who.len = sizeof(text) - len;
	if (who.len > 0)
		memcpy(text + len, who.ptr, who.len);
	return (uint32_t)str_hash((weir_str){ text, len + who.len });
}

size_t ctl_request_id_text(const struct ctl_id *id, char ret_text[CTL_REQUEST_ID])
{
	return (size_t)snprintf(ret_text, CTL_REQUEST_ID, "%u-%08x", id->slot, id->tag);
}
