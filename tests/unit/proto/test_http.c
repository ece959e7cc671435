/* test_http.c - tables answer what the RFCs say. */
#include "proto/http.h"

#include <criterion/criterion.h>
#include <ctype.h>

Test(http, parses_every_method_it_can_name)
{
	for (int i = HTTP_METHOD_UNKNOWN + 1; i < HTTP_METHOD_COUNT; i++) {
		enum http_method method = (enum http_method)i;
		weir_str name = http_method_name(method);

		cr_expect_gt(name.len, 0);
		cr_expect_eq(http_method_parse(name), method, "%.*s", WEIR_ARG(name));
	}
}

Test(http, tells_methods_from_what_looks_like_them)
{
	cr_expect_eq(http_method_parse(WEIR_STR("get")), HTTP_METHOD_UNKNOWN);
	cr_expect_eq(http_method_parse(WEIR_STR("GETS")), HTTP_METHOD_UNKNOWN);
	cr_expect_eq(http_method_parse(WEIR_STR("GE")), HTTP_METHOD_UNKNOWN);
	cr_expect_eq(http_method_parse(WEIR_STR("")), HTTP_METHOD_UNKNOWN);
	cr_expect_eq(http_method_parse(WEIR_STR("M-SEARCH")), HTTP_METHOD_MSEARCH);
	cr_expect_eq(http_method_name(HTTP_METHOD_UNKNOWN).len, 0);
}

Test(http, knows_the_reason_of_registered_statuses)
{
	cr_expect(weir_str_eq(http_reason(200), WEIR_STR("OK")));
	cr_expect(weir_str_eq(http_reason(431), WEIR_STR("Request Header Fields Too Large")));
	cr_expect_eq(http_reason(299).len, 0);
	cr_expect_eq(http_reason(0).len, 0);
}

Test(http, knows_which_statuses_have_a_body)
{
	cr_expect(!http_status_has_body(100));
	cr_expect(!http_status_has_body(101));
	cr_expect(!http_status_has_body(204));
	cr_expect(!http_status_has_body(304));
	cr_expect(http_status_has_body(200));
	cr_expect(http_status_has_body(205));
	cr_expect(http_status_has_body(500));
}

Test(http, knows_which_statuses_may_say_a_length)
{
	cr_expect(!http_status_has_length(100));
	cr_expect(!http_status_has_length(204));
	cr_expect(http_status_has_length(304));
	cr_expect(http_status_has_length(200));
}

Test(http, has_the_tchars_of_rfc_9110)
{
	for (int c = 0; c < 256; c++) {
		bool is_tchar = c < 128 && c > 0 && (isalnum(c) || strchr("!#$%&'*+-.^_`|~", c));

		cr_expect_eq(http_char_is((char)c, HTTP_CHAR_TOKEN), is_tchar, "byte %d", c);
	}
}

Test(http, has_no_control_byte_but_tab_in_values)
{
	for (int c = 0; c < 256; c++) {
		bool is_value = c == '\t' || (c >= 32 && c != 127);

		cr_expect_eq(http_char_is((char)c, HTTP_CHAR_VALUE), is_value, "byte %d", c);
	}
}

Test(http, finds_a_control_byte_wherever_it_is_in_a_value)
{
	for (size_t len = 1; len <= 40; len++) {
		/* Of that very length, so that ASan sees one byte too many. */
		char *bytes = memset(malloc(len), 'a', len);
		weir_str value = { bytes, len };

		cr_expect(http_is_value(value), "%zu bytes", len);
		for (size_t i = 0; i < len; i++) {
			bytes[i] = '\t';
			cr_expect(http_is_value(value), "a tab at %zu of %zu", i, len);
			bytes[i] = (char)(i % 2 ? '\n' : 127);
			cr_expect(!http_is_value(value), "at %zu of %zu", i, len);
			bytes[i] = (char)0xe9;
			cr_expect(http_is_value(value), "not ASCII at %zu of %zu", i, len);
		}
		free(bytes);
	}
}

Test(http, refuses_in_targets_what_rfc_3986_excludes)
{
	for (int c = 0; c < 256; c++) {
		bool is_target = c > 32 && c < 127 && !strchr("\"#%<>\\", c);

		cr_expect_eq(http_char_is((char)c, HTTP_CHAR_TARGET), is_target, "byte %d", c);
	}
}

Test(http, has_the_reg_name_chars_of_rfc_3986)
{
	for (int c = 0; c < 256; c++) {
		bool is_host = c < 128 && c > 0 && (isalnum(c) || strchr("-._~!$&'()*+,;=", c));

		cr_expect_eq(http_char_is((char)c, HTTP_CHAR_HOST), is_host, "byte %d", c);
	}
}

Test(http, lets_handlers_set_ordinary_fields)
{
	cr_expect_eq(http_field_check(WEIR_STR("X-A"), WEIR_STR("b\tc \xc3\xa4")), 0);
	cr_expect_eq(http_field_check(WEIR_STR("content-length"), WEIR_STR("5")), 0);
	cr_expect_eq(http_field_check(WEIR_STR("x"), WEIR_STR("")), 0);
}

Test(http, keeps_handlers_from_splitting_a_response)
{
	cr_expect_eq(http_field_check(WEIR_STR("x"), WEIR_STR("a\r\nb: c")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR("x"), WEIR_STR("a\nb")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR("x"), WEIR_STR("a\0b")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR("x\r\n"), WEIR_STR("a")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR("x:"), WEIR_STR("a")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR("x y"), WEIR_STR("a")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR(""), WEIR_STR("a")), -EINVAL);
}

Test(http, keeps_handlers_from_the_connections_fields)
{
	cr_expect_eq(http_field_check(WEIR_STR("Connection"), WEIR_STR("close")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR("transfer-encoding"), WEIR_STR("x")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR("UPGRADE"), WEIR_STR("x")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR("Keep-Alive"), WEIR_STR("x")), -EINVAL);
	cr_expect_eq(http_field_check(WEIR_STR("Proxy-Connection"), WEIR_STR("x")), -EINVAL);
}
