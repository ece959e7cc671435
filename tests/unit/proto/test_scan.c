/* test_scan.c - sixteen at a time or one by one: the same answer, and no byte outside is read. */
#include "proto/scan.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>

#include "proto/http.h"

#define LEN_MAX 40

static bool is_path_byte(const char *p, size_t i)
{
	bool is_dot_segment = p[i] == '.' && i > 0 && p[i - 1] == '/';

	return (unsigned char)p[i] >= ' ' && (unsigned char)p[i] < 0x80 && p[i] != '?' &&
	       p[i] != '%' && !is_dot_segment;
}

static bool is_name_byte(const char *p, size_t i)
{
	return http_char_is(p[i], HTTP_CHAR_TOKEN);
}

static bool is_host_byte(const char *p, size_t i)
{
	return http_char_is(p[i], HTTP_CHAR_HOST);
}

static bool is_target_byte(const char *p, size_t i)
{
	return http_char_is(p[i], HTTP_CHAR_TARGET);
}

struct question {
	size_t (*scan)(const char *p, size_t len);
	bool (*is_part)(const char *p, size_t i);
	bool is_exact; /* else the answer may be too small */
};

/* An allocation of exactly len bytes, so that the sanitizers see what is read behind it. */
static void ask(const struct question *q, const char *text, size_t len)
{
	char *bytes = malloc(len + !len);
	size_t found, expected = 0;

	memcpy(bytes, text, len);
	while (expected < len && q->is_part(bytes, expected))
		expected++;
	found = q->scan(bytes, len);
	cr_expect(found == expected || (!q->is_exact && found < expected),
		  "%zu for %zu of %zu bytes, the odd one 0x%02x", found, expected, len,
		  expected < len ? (unsigned char)text[expected] : 0);
	free(bytes);
}

/* Each byte at each place of each length, among ordinary ones. */
static void ask_everything(const struct question *q, char usual)
{
	char text[LEN_MAX];

	for (size_t len = 0; len < LEN_MAX; len++) {
		memset(text, usual, sizeof(text));
		ask(q, text, len);
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				text[at] = (char)c;
				ask(q, text, len);
			}
			text[at] = usual;
		}
	}
}

Test(scan, never_takes_a_byte_for_part_of_a_name_that_is_none)
{
	ask_everything(&(struct question){ scan_name, is_name_byte, false }, 'a');
}

Test(scan, never_takes_a_byte_for_part_of_a_host_that_is_none)
{
	ask_everything(&(struct question){ scan_host, is_host_byte, false }, 'a');
}

Test(scan, never_takes_a_byte_for_part_of_a_target_that_is_none)
{
	ask_everything(&(struct question){ scan_target, is_target_byte, false }, 'a');
}

Test(scan, stops_in_a_path_at_what_does_not_mean_itself)
{
	ask_everything(&(struct question){ scan_path, is_path_byte, true }, 'a');
}

Test(scan, stops_in_a_path_at_a_dot_behind_a_slash)
{
	ask_everything(&(struct question){ scan_path, is_path_byte, true }, '/');
}

#ifdef __SSE2__
Test(scan, knows_the_usual_bytes_of_names_hosts_and_targets_at_once)
{
	weir_str name = WEIR_STR("Upgrade-Insecure-Requests");
	weir_str host = WEIR_STR("0123456789.Example-Host.test");
	weir_str target = WEIR_STR("/a/b_c~d;e=f?g=h&i=[j]|{k}@l:m,n!o$p'q(r)s*t+u^v`W");

	cr_expect_eq(scan_name(name.ptr, name.len), 16);
	cr_expect_eq(scan_host(host.ptr, host.len), host.len);
	cr_expect_eq(scan_target(target.ptr, target.len), target.len);
}
#endif

Test(scan, lowers_capitals_and_nothing_else)
{
	for (size_t len = 0; len <= LEN_MAX; len++) {
		for (int first = 0; first < 128; first++) {
			char bytes[LEN_MAX + 2] = { 0 };

			memset(bytes, 'A', sizeof(bytes));
			for (size_t i = 0; i < len; i++)
				bytes[1 + i] = (char)((first + (int)i) % 128);
			scan_lower(bytes + 1, len);

			for (size_t i = 0; i < len; i++)
				cr_expect_eq(bytes[1 + i], tolower((first + (int)i) % 128));
			cr_expect_eq(bytes[0], 'A');
			cr_expect_eq(bytes[1 + len], 'A');
		}
	}
}
