/* test_fault.c - the table of base/fault.h keeps its promises. */
#include "base/fault.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

Test(fault, none_has_no_status)
{
	cr_assert_eq(fault_status(FAULT_NONE), 0);
	cr_assert_str_eq(fault_name(FAULT_NONE), "none");
}

/* Those of WebSocket frames come last: RFC 6455, section 7.4.1. */
Test(fault, every_other_is_answered_with_an_error_status_or_a_close_code)
{
	for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
		int status = fault_status((enum fault)i);
		bool is_close_code = i >= FAULT_WS_UNMASKED && status >= 1002 && status <= 1011;

		cr_assert((status >= 400 && status <= 599) || is_close_code, "%s: %d",
			  fault_name((enum fault)i), status);
	}
}

Test(fault, names_are_unique)
{
	for (int i = 0; i < FAULT_COUNT; i++) {
		for (int j = i + 1; j < FAULT_COUNT; j++)
			cr_assert_str_neq(fault_name((enum fault)i), fault_name((enum fault)j));
	}
}

Test(fault, names_can_be_keys_of_counters)
{
	for (int i = 0; i < FAULT_COUNT; i++) {
		const char *name = fault_name((enum fault)i);

		cr_assert_neq(name[0], '\0');
		cr_assert_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-."), strlen(name),
			     "%s", name);
	}
}

Test(fault, words_are_for_people)
{
	for (int i = 0; i < FAULT_COUNT; i++) {
		const char *words = fault_words((enum fault)i);

		cr_assert_not_null(strchr(words, ' '), "%s", words);
		cr_assert_neq(words[strlen(words) - 1], '.', "it goes into a sentence: %s", words);
	}
}

Test(fault, knows_some_by_heart)
{
	cr_assert_eq(fault_status(FAULT_H1_BARE_LF), 400);
	cr_assert_eq(fault_status(FAULT_H1_VERSION), 505);
	cr_assert_eq(fault_status(FAULT_TARGET_TOO_LONG), 414);
	cr_assert_eq(fault_status(FAULT_FIELDS_TOO_LARGE), 431);
	cr_assert_eq(fault_status(FAULT_BODY_TOO_LARGE), 413);
	cr_assert_eq(fault_status(FAULT_HEAD_TIMEOUT), 408);
}
