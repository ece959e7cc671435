#ifndef WEIR_CONF_OPTION_VALUE_H
#define WEIR_CONF_OPTION_VALUE_H
/*
 * option_value.h - one value, as text, into the field that the option table
 * names; the same for the file, the environment, the command line and defaults.
 */
#include "base/macro.h"
#include "conf/conf.h"
#include "conf/option_table.h"

struct option_context {
	struct arena *arena; /* texts are copied into it */
	const char *dir;     /* what relative paths are relative to */
	struct conf_pos pos; /* where the text stands */
};

/*
 * base is the struct that the option's place is about. -EINVAL: words for
 * people are in reterr_words, to stand after "NAME: "; -ENOMEM.
 */
#define OPTION_WORDS 256
MUST_USE int option_value_set(const struct option_spec *option, weir_str text,
			      const struct option_context *context, void *base,
			      char reterr_words[OPTION_WORDS]);

/* Bytes of a field of that type, which is no list. */
size_t option_value_size(enum option_type type);

/* Absolute: text itself, or dir/text. NULL without memory. */
const char *option_value_absolute(struct arena *arena, const char *dir, weir_str text);

/* How a value of that type is described to people: "a size such as 64KiB". */
const char *option_value_type_words(enum option_type type);

#endif
