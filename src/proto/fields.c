/* fields.c - linear searches: a head has at most a hundred fields, usually ten. */
#include "proto/fields.h"

#include "base/arena.h"
#include "base/str.h"

const weir_header *fields_find(const weir_header *fields, size_t n_fields, weir_str name)
{
	for (size_t i = 0; i < n_fields; i++) {
		if (weir_str_eq(fields[i].name, name))
			return &fields[i];
	}
	return NULL;
}

weir_str fields_get(const weir_header *fields, size_t n_fields, weir_str name)
{
	const weir_header *field = fields_find(fields, n_fields, name);

	return field ? field->value : (weir_str){ NULL, 0 };
}

bool fields_get_only(const weir_header *fields, size_t n_fields, weir_str name, weir_str *ret_value)
{
	const weir_header *first = fields_find(fields, n_fields, name), *next;

	if (!first) {
		*ret_value = (weir_str){ NULL, 0 };
		return true;
	}
	next = first + 1;
	if (fields_find(next, n_fields - (size_t)(next - fields), name))
		return false;
	*ret_value = first->value;
	return true;
}

/* Where the quoted string ends that begins at i: at its last quote, or at the end. */
static size_t quoted_end(weir_str s, size_t i)
{
	for (i++; i < s.len && s.ptr[i] != '"'; i++) {
		if (s.ptr[i] == '\\')
			i++;
	}
	return i;
}

/* Where the element at the front of s ends: at a comma that is not quoted, or at the end. */
static size_t element_len(weir_str s)
{
	size_t i;

	for (i = 0; i < s.len && s.ptr[i] != ','; i++) {
		if (s.ptr[i] == '"')
			i = quoted_end(s, i);
	}
	return i < s.len ? i : s.len;
}

bool fields_next_element(weir_str *rest, weir_str *ret_element)
{
	while (rest->len > 0) {
		size_t len = element_len(*rest);
		size_t used = len < rest->len ? len + 1 : len;
		weir_str element = str_trim((weir_str){ rest->ptr, len });

		rest->ptr += used;
		rest->len -= used;
		if (element.len > 0) {
			*ret_element = element;
			return true;
		}
	}
	return false;
}

bool fields_has_token(const weir_header *fields, size_t n_fields, weir_str name, weir_str token)
{
	for (size_t i = 0; i < n_fields; i++) {
		weir_str rest = fields[i].value, element;

		if (!weir_str_eq(fields[i].name, name))
			continue;
		while (fields_next_element(&rest, &element)) {
			if (str_eq_nocase(element, token))
				return true;
		}
	}
	return false;
}

int fields_combine(struct arena *arena, const weir_header *fields, size_t n_fields, weir_str name,
		   weir_str *ret_value)
{
	weir_str glue = weir_str_eq(name, WEIR_STR("cookie")) ? WEIR_STR("; ") : WEIR_STR(", ");
	size_t n = 0, len = 0;
	char *text, *at;

	for (size_t i = 0; i < n_fields; i++) {
		if (!weir_str_eq(fields[i].name, name))
			continue;
		n++;
		len += fields[i].value.len + glue.len;
	}
	if (n < 2) {
		*ret_value = fields_get(fields, n_fields, name);
		return 0;
	}

	text = arena_bytes(arena, len);
	if (!text)
		return -ENOMEM;
	at = text;
	for (size_t i = 0; i < n_fields; i++) {
		if (!weir_str_eq(fields[i].name, name))
			continue;
		if (at != text)
			at = mempcpy(at, glue.ptr, glue.len);
		at = mempcpy(at, fields[i].value.ptr, fields[i].value.len);
	}
	*ret_value = (weir_str){ text, (size_t)(at - text) };
	return 0;
}
