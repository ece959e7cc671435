/* weirctl_print.c - see weirctl_print.h. Columns are as wide as their widest cell; numbers stand on the right. */
#include "daemon/weirctl_print.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "daemon/ctl_text.h"

#define MAX_COLUMNS 32
#define MAX_CELL 64

/* A table of the answer. */
struct table {
	weir_str name;
	weir_str columns[MAX_COLUMNS]; /* without their types */
	char types[MAX_COLUMNS];
	size_t n_columns;
	weir_str rows; /* its lines */
};

/* ---- lines */

static weir_str behind(weir_str line, size_t n)
{
	return line.len >= n ? (weir_str){ line.ptr + n, line.len - n } : (weir_str){ "", 0 };
}

static int read_columns(weir_str text, struct table *table)
{
	table->name = str_split(&text, '\t');
	table->n_columns = 0;
	while (text.ptr) {
		weir_str type = str_split(&text, '\t'), name = str_split(&type, ':');

		if (table->n_columns == MAX_COLUMNS || type.len != 1)
			return -EPROTO;
		table->columns[table->n_columns] = name;
		table->types[table->n_columns++] = type.ptr[0];
	}
	return 0;
}

static bool is_line(weir_str line, char letter)
{
	return line.len >= 2 && line.ptr[0] == letter && line.ptr[1] == '\t';
}

/* The next one, with its rows, off rest: 1; 0: there is none; or -EPROTO. */
static int take_table(weir_str *rest, struct table *table)
{
	weir_str line, next;

	while (ctl_text_line(rest, &line)) {
		if (!is_line(line, 'T'))
			continue;
		if (read_columns(behind(line, 2), table) < 0)
			return -EPROTO;
		table->rows.ptr = rest->ptr;
		for (next = *rest; ctl_text_line(&next, &line) && is_line(line, 'R');)
			*rest = next;
		table->rows.len = (size_t)(rest->ptr - table->rows.ptr);
		return 1;
	}
	return 0;
}

/* The cells of a row, as they were written; those that are not there are empty. */
static void read_cells(weir_str line, size_t n, weir_str *ret_cells)
{
	weir_str rest = behind(line, 2);

	for (size_t i = 0; i < n; i++) {
		ret_cells[i] = rest.ptr ? str_split(&rest, '\t') : (weir_str){ "", 0 };
		if (!ret_cells[i].ptr)
			ret_cells[i] = (weir_str){ "", 0 };
	}
}

static bool is_whole(weir_str answer)
{
	return answer.len >= 2 && memcmp(answer.ptr + answer.len - 2, ".\n", 2) == 0 &&
	       (answer.len == 2 || answer.ptr[answer.len - 3] == '\n');
}

/* ---- for people */

static void format_span(double ms, char out[MAX_CELL])
{
	if (ms < 1)
		(void)snprintf(out, MAX_CELL, "%.0fus", ms * 1000);
	else if (ms < 1000)
		(void)snprintf(out, MAX_CELL, "%.0fms", ms);
	else if (ms < 120e3)
		(void)snprintf(out, MAX_CELL, "%.1fs", ms / 1e3);
	else if (ms < 2 * 3600e3)
		(void)snprintf(out, MAX_CELL, "%.0fm", ms / 60e3);
	else if (ms < 48 * 3600e3)
		(void)snprintf(out, MAX_CELL, "%.0fh", ms / 3600e3);
	else
		(void)snprintf(out, MAX_CELL, "%.0fd", ms / 86400e3);
}

static void format_bytes(double bytes, char out[MAX_CELL])
{
	static const char *const units[] = { "", "K", "M", "G", "T" };
	size_t i = 0;

	while (bytes >= 10000 && i + 1 < ARRAY_LEN(units)) {
		bytes /= 1024;
		i++;
	}
	(void)snprintf(out, MAX_CELL, "%.0f%s", bytes, units[i]);
}

/* What stands in the table for a cell: its own bytes, which have no control characters, or out. */
static weir_str show(weir_str cell, char type, char out[MAX_CELL])
{
	char digits[MAX_CELL] = "";
	double value;

	if (cell.len == 0)
		return (weir_str){ "-", 1 };
	if (type == 's' || type == 'n' || cell.len >= sizeof(digits))
		return cell;
	memcpy(digits, cell.ptr, cell.len);
	value = strtod(digits, NULL);
	if (type == 'b')
		format_bytes(value, out);
	else
		format_span(type == 'u' ? value / 1000 : value, out);
	return weir_strz(out);
}

/* Of characters, so that what is not ASCII does not shift what follows. */
static size_t width_of(weir_str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return n;
}

static void put_cell(struct buf *out, weir_str s, size_t width, bool is_right)
{
	int pad = (int)(width - width_of(s));

	if (is_right)
		buf_say(out, "%*s%.*s  ", pad, "", WEIR_ARG(s));
	else
		buf_say(out, "%.*s%*s  ", WEIR_ARG(s), pad, "");
}

/* Without the spaces at its end. */
static void end_line(struct buf *out)
{
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->len--;
	buf_say(out, "\n");
}

static void put_upper(struct buf *out, weir_str name, size_t width, bool is_right)
{
	char upper[MAX_CELL];
	size_t n = name.len < sizeof(upper) ? name.len : sizeof(upper);

	for (size_t i = 0; i < n; i++)
		upper[i] = name.ptr[i] >= 'a' && name.ptr[i] <= 'z' ? (char)(name.ptr[i] - 32)
								    : name.ptr[i];
	put_cell(out, (weir_str){ upper, n }, width, is_right);
}

static void put_table(const struct table *table, struct buf *out)
{
	weir_str cells[MAX_COLUMNS], rest, line;
	size_t widths[MAX_COLUMNS];
	char room[MAX_CELL];

	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = table->columns[i].len;
	for (rest = table->rows; ctl_text_line(&rest, &line);) {
		read_cells(line, table->n_columns, cells);
		for (size_t i = 0; i < table->n_columns; i++) {
			size_t width = width_of(show(cells[i], table->types[i], room));

			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
	for (size_t i = 0; i < table->n_columns; i++)
		put_upper(out, table->columns[i], widths[i], table->types[i] != 's');
	end_line(out);
	for (rest = table->rows; ctl_text_line(&rest, &line);) {
		read_cells(line, table->n_columns, cells);
		for (size_t i = 0; i < table->n_columns; i++)
			put_cell(out, show(cells[i], table->types[i], room), widths[i],
				 table->types[i] != 's');
		end_line(out);
	}
}

/* One word or one line says itself. */
static void put_bare(const struct table *table, struct buf *out)
{
	weir_str rest = table->rows, line;

	while (ctl_text_line(&rest, &line)) {
		weir_str words = behind(line, 2);

		buf_say(out, "%.*s\n", WEIR_ARG(words));
	}
}

static void say_words(weir_str answer, FILE *err, struct weirctl_outcome *outcome)
{
	weir_str line;

	while (ctl_text_line(&answer, &line)) {
		weir_str words = behind(line, 2);

		if (!is_line(line, 'N') && !is_line(line, 'E'))
			continue;
		if (line.ptr[0] == 'N')
			outcome->n_notes++;
		else
			outcome->n_errors++;
		if (err)
			(void)fprintf(err, "weirctl: %.*s\n", WEIR_ARG(words));
	}
}

int weirctl_print_people(weir_str answer, struct buf *out, FILE *err,
			 struct weirctl_outcome *ret_outcome)
{
	struct weirctl_outcome outcome = { 0 };
	struct table table = { .n_columns = 0 };
	weir_str rest = answer;
	bool is_first = true;
	int r;

	if (!is_whole(answer))
		return -EPROTO;
	while ((r = take_table(&rest, &table)) > 0) {
		if (!is_first)
			buf_say(out, "\n");
		is_first = false;
		if (table.n_columns == 1)
			put_bare(&table, out);
		else
			put_table(&table, out);
	}
	say_words(answer, err, &outcome);
	*ret_outcome = outcome;
	return r;
}

/* ---- JSON */

static void put_value(struct json *json, weir_str name, char type, weir_str cell)
{
	char key[MAX_CELL] = "";
	struct buf text;
	uint64_t number;

	memcpy(key, name.ptr, name.len < sizeof(key) - 1 ? name.len : sizeof(key) - 1);
	/* What is not known is left out. */
	if (cell.len == 0 && type != 's')
		return;
	if (type != 's' && str_to_u64(cell, &number) == 0) {
		json_number(json, key, number);
		return;
	}
	buf_init(&text, 0);
	json_failed(json, ctl_text_unescape(cell, &text));
	/* What is no UTF-8 may not stand in JSON. */
	json_str(json, name.len > 0 ? key : NULL,
		 str_is_utf8(buf_str(&text)) ? buf_str(&text) : WEIR_STR("(not UTF-8)"));
	buf_done(&text);
}

static void put_rows(struct json *json, const struct table *table)
{
	weir_str cells[MAX_COLUMNS], rest = table->rows, line;
	char name[MAX_CELL] = "";

	memcpy(name, table->name.ptr,
	       table->name.len < sizeof(name) - 1 ? table->name.len : sizeof(name) - 1);
	json_open(json, name, '[');
	while (ctl_text_line(&rest, &line)) {
		read_cells(line, table->n_columns, cells);
		json_open(json, NULL, '{');
		for (size_t i = 0; i < table->n_columns; i++)
			put_value(json, table->columns[i], table->types[i], cells[i]);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_words(struct json *json, const char *key, weir_str answer, char letter)
{
	weir_str line;

	json_open(json, key, '[');
	while (ctl_text_line(&answer, &line)) {
		if (is_line(line, letter))
			put_value(json, (weir_str){ "", 0 }, 's', behind(line, 2));
	}
	json_close(json, ']');
}

int weirctl_print_json(weir_str answer, struct buf *out, struct weirctl_outcome *ret_outcome)
{
	struct weirctl_outcome outcome = { 0 };
	struct table table = { .n_columns = 0 };
	weir_str rest = answer;
	struct json json;
	int r, r_json;

	if (!is_whole(answer))
		return -EPROTO;
	json_init(&json, out);
	json_open(&json, NULL, '{');
	while ((r = take_table(&rest, &table)) > 0)
		put_rows(&json, &table);
	put_words(&json, "notes", answer, 'N');
	put_words(&json, "errors", answer, 'E');
	json_close(&json, '}');
	r_json = json_done(&json);
	say_words(answer, NULL, &outcome);
	*ret_outcome = outcome;
	return r < 0 ? r : r_json;
}

/* ---- one number */

long long weirctl_print_find(weir_str answer, const char *name, unsigned n, const char *column)
{
	struct table table = { .n_columns = 0 };
	weir_str cells[MAX_COLUMNS], line;
	uint64_t number;

	while (take_table(&answer, &table) > 0) {
		if (!weir_str_eq(table.name, weir_strz(name)))
			continue;
		for (unsigned i = 0; ctl_text_line(&table.rows, &line); i++) {
			if (i != n)
				continue;
			read_cells(line, table.n_columns, cells);
			for (size_t k = 0; k < table.n_columns; k++) {
				if (weir_str_eq(table.columns[k], weir_strz(column)) &&
				    str_to_u64(cells[k], &number) == 0)
					return (long long)number;
			}
		}
	}
	return -1;
}
