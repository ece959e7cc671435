/* test_inet.c - addresses and networks: which are some, and who is in which. */
#include "base/inet.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>

#include "base/macro.h"

struct address {
	char name[64];
	char text[64]; /* "" is no address */
};

ParameterizedTestParameters(inet, names)
{
	static struct address rows[] = {
		{ "192.0.2.7:51234", "192.0.2.7" },
		{ "192.0.2.7", "192.0.2.7" },
		{ "[2001:db8::1]:80", "2001:db8::1" },
		{ "[2001:DB8:0:0::1]", "2001:db8::1" },
		{ "[fe80::1%2]:80", "fe80::1" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "[::ffff:192.0.2.7]:1", "192.0.2.7" },
		{ "unix:", "" },
		{ "unix:/run/x.sock", "" },
		{ "unknown", "" },
		{ "192.0.2", "" },
		{ "192.0.2.07.1", "" },
		{ "", "" },
		{ "[]:1", "" },
		{ "0x7f.1:2", "" },
	};

	return cr_make_param_array(struct address, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct address *row, inet, names)
{
	char text[INET_TEXT_MAX];
	struct inet inet;
	size_t len;
	int r = inet_parse_name(weir_strz(row->name), &inet);

	if (!row->text[0]) {
		cr_assert_eq(r, -EINVAL, "%s", row->name);
		return;
	}
	cr_assert_eq(r, 0, "%s", row->name);
	len = inet_write(&inet, text);
	cr_assert(weir_str_eq((weir_str){ text, len }, weir_strz(row->text)), "%s: %.*s", row->name,
		  (int)len, text);
}

Test(inet, one_with_a_nul_in_it_is_none)
{
	struct inet inet;

	cr_assert_eq(inet_parse((weir_str){ "1.2.3.4\0", 8 }, &inet), -EINVAL);
}

struct membership {
	char net[64];
	char address[64];
	bool is_in;
};

ParameterizedTestParameters(inet, networks)
{
	static struct membership rows[] = {
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "192.0.2.0/25", "192.0.2.127", true },
		{ "192.0.2.0/25", "192.0.2.128", false },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "203.0.113.9", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "::1", "::1", true },
		{ "::1", "::2", false },
	};

	return cr_make_param_array(struct membership, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct membership *row, inet, networks)
{
	const char *words = "";
	struct inet_net net;
	struct inet inet;

	cr_assert_eq(inet_net_parse(weir_strz(row->net), &net, &words), 0, "%s: %s", row->net,
		     words);
	cr_assert_eq(inet_parse(weir_strz(row->address), &inet), 0);
	cr_assert_eq(inet_net_has(&net, &inet), row->is_in, "%s in %s", row->address, row->net);
}

struct nonsense {
	char text[64];
	char words[64];
};

ParameterizedTestParameters(inet, no_networks)
{
	static struct nonsense rows[] = {
		{ "10.0.0.1/8", "is no network: bits behind its length are not zero" },
		{ "10.0.0.0/33", "has no length from 0 to 32 behind its slash" },
		{ "10.0.0.0/", "has no length from 0 to 32 behind its slash" },
		{ "::/129", "has no length from 0 to 128 behind its slash" },
		{ "example.org", "is neither an address nor a network such as 10.0.0.0/8" },
		{ "10.0.0.0/8/8", "has no length from 0 to 32 behind its slash" },
		{ "2001:db8::1/32", "is no network: bits behind its length are not zero" },
	};

	return cr_make_param_array(struct nonsense, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct nonsense *row, inet, no_networks)
{
	const char *words = "";
	struct inet_net net;

	cr_assert_eq(inet_net_parse(weir_strz(row->text), &net, &words), -EINVAL, "%s", row->text);
	cr_assert_str_eq(words, row->words);
}

Test(inet, a_mask_keeps_the_first_bits)
{
	struct inet inet, kept;

	cr_assert_eq(inet_parse(WEIR_STR("2001:db8:1:2:3:4:5:6"), &inet), 0);
	cr_assert_eq(inet_parse(WEIR_STR("2001:db8:1:2::"), &kept), 0);
	inet_mask(&inet, 64);
	cr_assert_arr_eq(inet.bytes, kept.bytes, sizeof(inet.bytes));
	inet_mask(&inet, 0);
	cr_assert_arr_eq(inet.bytes, ((uint8_t[16]){ 0 }), sizeof(inet.bytes));
}
