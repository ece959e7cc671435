/* str.c - see str.h. Nothing here allocates but str_dup(). */
#include "base/str.h"

#include <errno.h>
#include <limits.h>

#include "base/utf8.h"

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

bool str_eq_nocase(weir_str a, weir_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower((unsigned char)a.ptr[i]) != lower((unsigned char)b.ptr[i]))
			return false;
	}
	return true;
}

bool str_starts(weir_str s, weir_str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || !memcmp(s.ptr, prefix.ptr, prefix.len));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

weir_str str_trim(weir_str s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

weir_str str_split(weir_str *rest, char sep)
{
	const char *at = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
	weir_str part = *rest;

	if (!at) {
		*rest = (weir_str){ NULL, 0 };
		return part;
	}
	part.len = (size_t)(at - rest->ptr);
	rest->ptr = at + 1;
	rest->len -= part.len + 1;
	return part;
}

int str_cut(weir_str *rest, void *ret_bytes, size_t len)
{
	if (rest->len < len)
		return -EPROTO;
	memcpy(ret_bytes, rest->ptr, len);
	rest->ptr += len;
	rest->len -= len;
	return 0;
}

char *str_put_u64(char *out, uint64_t value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	size_t n_digits = 1;
	char *p;

	for (uint64_t limit = 10; value >= limit && n_digits < STR_DIGITS_MAX; limit *= 10)
		n_digits++;
	for (p = out + n_digits; value >= 100; value /= 100) {
		p -= 2;
		memcpy(p, pairs + value % 100 * 2, 2);
	}
	if (value >= 10)
		memcpy(out, pairs + value * 2, 2);
	else
		*out = (char)('0' + value);
	return out + n_digits;
}

int str_to_u64(weir_str s, uint64_t *ret_value)
{
	bool is_too_large = false;
	uint64_t value = 0;

	if (s.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';

		if (digit > 9)
			return -EINVAL;
		if (value > (UINT64_MAX - digit) / 10)
			is_too_large = true;
		else
			value = value * 10 + digit;
	}
	if (is_too_large)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

bool str_is_utf8(weir_str s)
{
	return utf8_is_whole(s);
}

const char *str_error_name(int error)
{
	/* INT_MIN has no positive. */
	const char *name = error < 0 && error > INT_MIN ? strerrorname_np(-error) : NULL;

	return name ? name : "an unknown error";
}

char *str_dup(weir_str s)
{
	char *z = malloc(s.len + 1);

	if (!z)
		return NULL;
	if (s.len > 0)
		memcpy(z, s.ptr, s.len);
	z[s.len] = '\0';
	return z;
}

/* FNV-1a: short keys, no attacker. */
uint64_t str_hash(weir_str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.ptr[i]) * 1099511628211u;
	return h;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Three rows of the optimal string alignment table; words longer than a row never look alike. */
size_t str_distance(weir_str a, weir_str b)
{
	enum { MAX = 64 };
	size_t row[3][MAX + 1];

	if (a.len > MAX || b.len > MAX)
		return MAX;
	for (size_t j = 0; j <= b.len; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t cost = a.ptr[i - 1] != b.ptr[j - 1];

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
			    a.ptr[i - 2] == b.ptr[j - 1] && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[a.len % 3][b.len];
}
