/* test_conf_value.c - single values, there and back. */
#include "conf/conf_value.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <inttypes.h>
#include <stdio.h>

struct number {
	char text[32];
	int r;
	uint64_t value;
};

ParameterizedTestParameters(conf_value, sizes)
{
	static struct number rows[] = {
		{ "0", 0, 0 },
		{ "100", 0, 100 },
		{ "100B", 0, 100 },
		{ "64KiB", 0, 65536 },
		{ "1MiB", 0, 1 << 20 },
		{ "2GiB", 0, UINT64_C(2) << 30 },
		{ "1TiB", 0, UINT64_C(1) << 40 },
		{ "16777215TiB", 0, UINT64_C(16777215) << 40 },
		{ "16777216TiB", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "KiB", -EINVAL, 0 },
		{ "64K", -EINVAL, 0 },
		{ "64kib", -EINVAL, 0 },
		{ "64 KiB", -EINVAL, 0 },
		{ "1.5MiB", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
	};

	return cr_make_param_array(struct number, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct number *row, conf_value, sizes)
{
	uint64_t value = 0;

	cr_expect_eq(conf_value_size(weir_strz(row->text), &value), row->r, "%s", row->text);
	cr_expect_eq(value, row->value, "%s is %" PRIu64, row->text, value);
}

ParameterizedTestParameters(conf_value, durations)
{
	static struct number rows[] = {
		{ "0", 0, 0 },
		{ "250ms", 0, 250 },
		{ "10s", 0, 10000 },
		{ "2m", 0, 120000 },
		{ "1h", 0, 3600000 },
		{ "0s", 0, 0 },
		{ "10", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1d", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "10 s", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "5124095576030432h", -ERANGE, 0 },
	};

	return cr_make_param_array(struct number, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct number *row, conf_value, durations)
{
	uint64_t value = 0;

	cr_expect_eq(conf_value_duration(weir_strz(row->text), &value), row->r, "%s", row->text);
	cr_expect_eq(value, row->value, "%s is %" PRIu64, row->text, value);
}

ParameterizedTestParameters(conf_value, rates)
{
	static struct number rows[] = {
		{ "0", 0, 0 },
		{ "0B/s", 0, 0 },
		{ "240B/s", 0, 240 },
		{ "1KiB/s", 0, 1024 },
		{ "2MiB/s", 0, 2 << 20 },
		{ "16777216TiB/s", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "240", -EINVAL, 0 },
		{ "240B", -EINVAL, 0 },
		{ "240/s", -EINVAL, 0 },
		{ "/s", -EINVAL, 0 },
		{ "B/s", -EINVAL, 0 },
		{ "240 B/s", -EINVAL, 0 },
		{ "240B/m", -EINVAL, 0 },
		{ "240b/s", -EINVAL, 0 },
	};

	return cr_make_param_array(struct number, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct number *row, conf_value, rates)
{
	uint64_t value = 0;

	cr_expect_eq(conf_value_rate(weir_strz(row->text), &value), row->r, "%s", row->text);
	cr_expect_eq(value, row->value, "%s is %" PRIu64, row->text, value);
}

ParameterizedTestParameters(conf_value, modes)
{
	static struct number rows[] = {
		{ "0660", 0, 0660 },
		{ "660", 0, 0660 },
		{ "0o600", 0, 0600 },
		{ "0", 0, 0 },
		{ "777", 0, 0777 },
		{ "1777", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "0o", -EINVAL, 0 },
		{ "8", -EINVAL, 0 },
		{ "rw", -EINVAL, 0 },
		{ "77777777777777777", -ERANGE, 0 },
	};

	return cr_make_param_array(struct number, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct number *row, conf_value, modes)
{
	unsigned mode = 0;

	cr_expect_eq(conf_value_mode(weir_strz(row->text), &mode), row->r, "%s", row->text);
	cr_expect_eq(mode, row->value, "%s", row->text);
}

Test(conf_value, only_true_and_false_are_booleans)
{
	bool value = false;

	cr_assert_eq(conf_value_bool(WEIR_STR("true"), &value), 0);
	cr_assert(value);
	cr_assert_eq(conf_value_bool(WEIR_STR("false"), &value), 0);
	cr_assert_not(value);
	cr_assert_eq(conf_value_bool(WEIR_STR("yes"), &value), -EINVAL);
	cr_assert_eq(conf_value_bool(WEIR_STR("True"), &value), -EINVAL);
	cr_assert_eq(conf_value_bool(WEIR_STR(""), &value), -EINVAL);
}

struct written {
	uint64_t value;
	char size[32], duration[32];
};

ParameterizedTestParameters(conf_value, are_written_as_short_as_they_are_exact)
{
	static struct written rows[] = {
		{ 0, "0B", "0s" },
		{ 1, "1B", "1ms" },
		{ 1000, "1000B", "1s" },
		{ 1024, "1KiB", "1024ms" },
		{ 60000, "60000B", "1m" },
		{ 1 << 20, "1MiB", "1048576ms" },
		{ 3600000, "3600000B", "1h" },
		{ UINT64_C(3) << 40, "3TiB", "3298534883328ms" },
	};

	return cr_make_param_array(struct written, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct written *row, conf_value, are_written_as_short_as_they_are_exact)
{
	char text[CONF_VALUE_TEXT], rate[CONF_VALUE_TEXT + 2];

	cr_expect_str_eq(conf_value_size_text(row->value, text), row->size);
	cr_expect_str_eq(conf_value_duration_text(row->value, text), row->duration);
	(void)snprintf(rate, sizeof(rate), "%s/s", row->size);
	cr_expect_str_eq(conf_value_rate_text(row->value, text), rate);
}

struct expansion {
	char text[48], result[48], words[32], name[32];
};

ParameterizedTestParameters(conf_value, expansions)
{
	static struct expansion rows[] = {
		{ "", "", "", "" },
		{ "plain $5 {x} $", "plain $5 {x} $", "", "" },
		{ "${WEIR_T_A}", "one", "", "" },
		{ "<${WEIR_T_A}|${WEIR_T_A}>", "<one|one>", "", "" },
		{ "${WEIR_T_EMPTY}", "", "", "" },
		{ "${WEIR_T_EMPTY:-x}", "x", "", "" },
		{ "${WEIR_T_A:-x}", "one", "", "" },
		{ "${WEIR_T_NONE:-}", "", "", "" },
		{ "${WEIR_T_NONE:-a:-b$c}", "a:-b$c", "", "" },
		{ "$${WEIR_T_A}", "${WEIR_T_A}", "", "" },
		{ "$$${WEIR_T_A}", "$${WEIR_T_A}", "", "" },
		{ "${WEIR_T_NONE}", "", "is not set", "WEIR_T_NONE" },
		{ "x${WEIR_T_A", "", "no closing }", "${WEIR_T_A" },
		{ "${}", "", "not of the form", "" },
		{ "${1A}", "", "not of the form", "1A" },
		{ "${A B}", "", "not of the form", "A B" },
		{ "${A:+b}", "", "not of the form", "A:+b" },
		{ "${A:}", "", "not of the form", "A:" },
		{ "${WEIR_T_BINARY}", "", "not text", "WEIR_T_BINARY" },
		{ "${WEIR_T_ESCAPE}", "", "not text", "WEIR_T_ESCAPE" },
	};

	return cr_make_param_array(struct expansion, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct expansion *row, conf_value, expansions)
{
	const char *words = "";
	weir_str name = { NULL, 0 };
	struct buf out;
	int r;

	cr_assert_eq(setenv("WEIR_T_A", "one", 1), 0);
	cr_assert_eq(setenv("WEIR_T_EMPTY", "", 1), 0);
	cr_assert_eq(setenv("WEIR_T_BINARY", "a\xff", 1), 0);
	cr_assert_eq(setenv("WEIR_T_ESCAPE", "\033[1m", 1), 0);
	buf_init(&out, 0);
	r = conf_value_expand(weir_strz(row->text), &out, &words, &name);
	if (row->words[0]) {
		cr_expect_eq(r, -EINVAL, "%s", row->text);
		cr_expect_not_null(strstr(words, row->words), "%s: %s", row->text, words);
		cr_expect(weir_str_eq(name, weir_strz(row->name)), "%s: %.*s", row->text,
			  WEIR_ARG(name));
	} else {
		cr_expect_eq(r, 0, "%s: %s", row->text, words);
		cr_expect(weir_str_eq(buf_str(&out), weir_strz(row->result)), "%s: %.*s", row->text,
			  WEIR_ARG(buf_str(&out)));
	}
	buf_done(&out);
}

Test(conf_value, an_expansion_keeps_to_the_limit)
{
	const char *words = "";
	weir_str name;
	struct buf out;

	cr_assert_eq(setenv("WEIR_T_A", "0123456789", 1), 0);
	buf_init(&out, 15);
	cr_assert_eq(conf_value_expand(WEIR_STR("${WEIR_T_A}${WEIR_T_A}"), &out, &words, &name),
		     -EMSGSIZE);
	buf_done(&out);
}
