/* option_origin.c - see option_origin.h. */
#include "conf/option_origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "conf/messages.h"
#include "proto/ws_hello.h"

/* How much of text stands before its path; all of it if there is none. */
static size_t path_at(weir_str text)
{
	const char *colon = memmem(text.ptr, text.len, "://", 3);
	size_t i = colon ? (size_t)(colon - text.ptr) + 3 : 0;

	while (i < text.len && !strchr("/?#", text.ptr[i]))
		i++;
	return i;
}

/* "example.org/chat" was meant to be "https://example.org"; "" when nobody can tell. */
static void guess(weir_str text, char ret_origin[MESSAGES_QUOTE])
{
	bool has_scheme = memmem(text.ptr, text.len, "://", 3) != NULL;
	size_t len = path_at(text);
	int n;

	ret_origin[0] = '\0';
	/* A single word was more likely meant to be "*" or "null". */
	if (!has_scheme && (len == 0 || !memchr(text.ptr, '.', len)))
		return;
	if (len + sizeof("https://") > MESSAGES_QUOTE)
		return;
	n = snprintf(ret_origin, MESSAGES_QUOTE, "%s%.*s", has_scheme ? "" : "https://", (int)len,
		     text.ptr);
	if (ret_origin[n - 1] == '/' ||
	    !ws_hello_origin_is_valid((weir_str){ ret_origin, (size_t)n }))
		ret_origin[0] = '\0';
}

int option_origin_check(weir_str text, char reterr_words[OPTION_WORDS])
{
	char quote[MESSAGES_QUOTE], better[MESSAGES_QUOTE];

	if (weir_str_eq(text, WEIR_STR("*")))
		return 0;
	messages_quote(text, quote);
	/* An asterisk may be part of a host's name, but of none that there is. */
	if (text.len > 0 && memchr(text.ptr, '*', text.len)) {
		(void)snprintf(reterr_words, OPTION_WORDS,
			       "%s has a wildcard: name each origin, or say \"*\" for all", quote);
		return -EINVAL;
	}
	if (ws_hello_origin_is_valid(text))
		return 0;
	guess(text, better);
	(void)snprintf(reterr_words, OPTION_WORDS,
		       "%s is not scheme://host or scheme://host:port, \"null\" or \"*\"%s%s%s",
		       quote, better[0] ? "; did you mean \"" : "", better, better[0] ? "\"?" : "");
	return -EINVAL;
}
