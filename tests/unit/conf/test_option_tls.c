/* test_option_tls.c - what holds for the rows of tls: and of its certificates. */
#include "conf/option_tls.h"

#include <criterion/criterion.h>

#include "base/str.h"

Test(option_tls, all_are_of_tls_or_of_a_certificate)
{
	for (const struct option_spec *o = option_tls_rows; o->name; o++)
		cr_expect(o->place == OPTION_TLS || o->place == OPTION_CERTIFICATE, "%s", o->name);
}

Test(option_tls, a_certificate_of_a_list_needs_what_a_single_one_has)
{
	for (const struct option_spec *o = option_table_next(OPTION_CERTIFICATE, NULL); o;
	     o = option_table_next(OPTION_CERTIFICATE, o)) {
		cr_expect(o->is_required, "%s", o->name);
		cr_expect_not_null(option_table_find(OPTION_TLS, weir_strz(o->name)), "%s",
				   o->name);
	}
}
