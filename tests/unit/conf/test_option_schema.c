/*
 * test_option_schema.c - that every option is there. Whether the schema is one,
 * and what it takes and refuses, a validator says: tests/e2e/test_schema.py.
 */
#include "conf/option_schema.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/option_table.h"
#include "oom.h"

static char *schema(void)
{
	struct buf out;
	char *text;

	buf_init(&out, 0);
	cr_assert_eq(option_schema_print(&out), 0);
	text = buf_steal(&out);
	cr_assert_not_null(text);
	return text;
}

Test(option_schema, has_every_option_of_every_place)
{
	static const enum option_place places[] = {
		OPTION_TOP,  OPTION_LISTEN, OPTION_MODULE,	OPTION_ROUTE,  OPTION_JOBS,
		OPTION_POOL, OPTION_TLS,    OPTION_CERTIFICATE, OPTION_HEALTH, OPTION_CONTROL
	};
	/* How far in their keys stand: those of the items in those of the file. */
	static const int indents[] = { 4, 10, 10, 10, 8, 14, 14, 20, 8, 8 };
	char *text = schema();

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		for (const struct option_spec *o = option_table_next(places[i], NULL); o;
		     o = option_table_next(places[i], o)) {
			char line[96];

			(void)snprintf(line, sizeof(line), "\n%*s\"%s\": {", indents[i], "",
				       o->name);
			cr_expect_not_null(strstr(text, line), "%s", o->name);
		}
	}
	free(text);
}

Test(option_schema, takes_no_other_key_anywhere)
{
	char *text = schema();
	int n = 0;

	for (const char *p = text; (p = strstr(p, "\"additionalProperties\": false")); p++)
		n++;
	cr_assert_eq(n, 13);
	free(text);
}

Test(option_schema, survives_every_failed_allocation)
{
	struct buf out;
	int r;

	for (unsigned n = 1;; n++) {
		buf_init(&out, 0);
		oom_fail_at(n);
		r = option_schema_print(&out);
		buf_done(&out);
		if (!oom_has_failed())
			break;
		cr_assert_eq(r, -ENOMEM, "allocation %u", n);
	}
	cr_assert_eq(r, 0);
}
