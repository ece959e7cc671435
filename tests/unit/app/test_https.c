/* test_https.c - what a route's rules about TLS make of a request without it. With it: see test_tls_operate.py. */
#include "app/https.h"

#include <criterion/criterion.h>
#include <weir/base.h>

#include "serve/exchange.h"

Test(https, rules_are_there_only_if_something_is_said)
{
	struct https_rules rules;

	cr_expect_not(https_make(&rules, 0, 0, true));
	cr_expect_str_eq(rules.hsts, "");
	cr_expect(https_make(&rules, 443, 0, false));
	cr_expect_eq(rules.redirect_port, 443);
	cr_expect(https_make(&rules, 0, 86400000, false));
	cr_expect_str_eq(rules.hsts, "max-age=86400");
	cr_expect(https_make(&rules, 0, INT64_C(87600) * 3600 * 1000, true));
	cr_expect_str_eq(rules.hsts, "max-age=315360000; includeSubDomains");
}

Test(https, a_secure_exchange_is_served_and_gets_the_field)
{
	static const struct exchange_down adding = { .head = NULL };
	static const struct exchange_down down = { .adding = &adding };
	struct exchange ex = { .scheme = WEIR_STR("https"), .down = &down };
	struct https_rules rules;

	cr_assert(https_make(&rules, 443, 1000, false));
	cr_expect_not(https_apply(&rules, &ex, "x.y"));
	cr_expect_eq(ex.down, &adding);
	cr_expect(weir_str_eq(ex.added.value, WEIR_STR("max-age=1")));
}

Test(https, a_plain_one_is_served_where_nothing_is_to_be_redirected)
{
	struct exchange ex = { .scheme = WEIR_STR("http") };
	struct https_rules rules;

	cr_assert(https_make(&rules, 0, 1000, false));
	cr_expect_not(https_apply(&rules, &ex, "x.y"));
	cr_expect_null(ex.down);
}
