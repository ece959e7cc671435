/* test_json.c - what is written, and that it is what RFC 8259 calls JSON. */
#include "base/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static char *finish(struct json *json)
{
	char *text;

	cr_assert_eq(json_done(json), 0);
	text = buf_steal(json->out);
	cr_assert_not_null(text);
	return text;
}

Test(json, writes_objects_and_arrays_one_value_a_line)
{
	struct json json;
	struct buf out;
	char *text;

	buf_init(&out, 0);
	json_init(&json, &out);
	json_open(&json, NULL, '{');
	json_text(&json, "word", "a");
	json_open(&json, "list", '[');
	json_number(&json, NULL, UINT64_MAX);
	json_bool(&json, NULL, false);
	json_close(&json, ']');
	json_bool(&json, "is", true);
	json_close(&json, '}');
	text = finish(&json);
	cr_assert_str_eq(text, "{\n  \"word\": \"a\",\n"
			       "  \"list\": [\n    18446744073709551615,\n    false\n  ],\n"
			       "  \"is\": true\n}\n");
	free(text);
}

Test(json, what_is_empty_takes_no_lines)
{
	struct json json;
	struct buf out;
	char *text;

	buf_init(&out, 0);
	json_init(&json, &out);
	json_open(&json, NULL, '[');
	json_open(&json, NULL, '{');
	json_close(&json, '}');
	json_open(&json, NULL, '[');
	json_close(&json, ']');
	json_close(&json, ']');
	text = finish(&json);
	cr_assert_str_eq(text, "[\n  {},\n  []\n]\n");
	free(text);
}

Test(json, is_one_line_for_programs)
{
	struct json json;
	struct buf out;
	char *text;

	buf_init(&out, 0);
	json_init(&json, &out);
	json.is_compact = true;
	json_open(&json, NULL, '{');
	json_text(&json, "word", "a");
	json_raw(&json, "raw", WEIR_STR("[{}]"));
	json_open(&json, "list", '[');
	json_number(&json, NULL, 1);
	json_number(&json, NULL, 2);
	json_close(&json, ']');
	json_close(&json, '}');
	text = finish(&json);
	cr_assert_str_eq(text, "{\"word\":\"a\",\"raw\":[{}],\"list\":[1,2]}\n");
	free(text);
}

Test(json, escapes_what_has_to_be)
{
	struct json json;
	struct buf out;
	char *text;

	buf_init(&out, 0);
	json_init(&json, &out);
	json_open(&json, NULL, '{');
	json_str(&json, "a\"b", WEIR_STR("\\ \n \x01 \0 \xc3\xa4 /"));
	json_close(&json, '}');
	text = finish(&json);
	cr_assert_str_eq(text, "{\n  \"a\\\"b\": \"\\\\ \\u000a \\u0001 \\u0000 \xc3\xa4 /\"\n}\n");
	free(text);
}

Test(json, the_first_failure_is_remembered)
{
	struct json json;
	struct buf out;

	buf_init(&out, 8);
	json_init(&json, &out);
	json_open(&json, NULL, '[');
	json_text(&json, NULL, "longer than that");
	json_failed(&json, -ENOMEM);
	json_close(&json, ']');
	cr_expect_eq(json_done(&json), -EMSGSIZE);
	buf_done(&out);

	buf_init(&out, 0);
	json_init(&json, &out);
	json_failed(&json, 0);
	json_failed(&json, -ENOMEM);
	cr_expect_eq(json_done(&json), -ENOMEM);
	buf_done(&out);
}
