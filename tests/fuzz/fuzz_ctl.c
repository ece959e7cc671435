/*
 * fuzz_ctl.c - the control socket, both ways: any bytes as a command, of which what is
 * taken means what is written, and as an answer, which weirctl prints or refuses. What is
 * escaped comes back.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_request.h"
#include "daemon/ctl_text.h"
#include "daemon/weirctl_print.h"

static void check_command(weir_str line)
{
	struct ctl_request request, again;
	const char *words = NULL;
	char text[64];
	size_t len;

	if (ctl_request_parse(line, &request, &words) < 0) {
		assert(words && words[0]);
		return;
	}
	if (request.command != CTL_BACKTRACE && request.command != CTL_KILL)
		return;
	memcpy(text, "bt ", 3);
	len = 3 + ctl_request_id_text(&request.id, text + 3);
	assert(ctl_request_parse((weir_str){ text, len }, &again, &words) == 0);
	assert(again.id.slot == request.id.slot && again.id.tag == request.id.tag);
}

static void check_escapes(weir_str bytes)
{
	struct ctl_text text;
	struct buf out, back;

	buf_init(&out, 0);
	buf_init(&back, 0);
	ctl_text_init(&text, &out);
	ctl_text_row(&text);
	ctl_text_cell(&text, bytes);
	assert(text.r == 0 && out.len >= 2);
	for (size_t i = 2; i < out.len; i++)
		assert((unsigned char)out.data[i] >= ' ');
	assert(ctl_text_unescape((weir_str){ out.data + 2, out.len - 2 }, &back) == 0);
	assert(weir_str_eq(buf_str(&back), bytes));
	buf_done(&back);
	buf_done(&out);
}

static void check_answer(weir_str answer)
{
	struct weirctl_outcome people = { 0 }, json = { 0 };
	struct buf out;
	int r;

	buf_init(&out, 0);
	r = weirctl_print_people(answer, &out, NULL, &people);
	buf_clear(&out);
	if (weirctl_print_json(answer, &out, &json) == 0) {
		assert(r == 0);
		assert(people.n_notes == json.n_notes && people.n_errors == json.n_errors);
	}
	buf_done(&out);
	(void)weirctl_print_find(answer, "daemon", 0, "workers");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_str in = { (const char *)data, size }, line;
	char *answer = malloc(size + 3);

	check_escapes(in);
	memcpy(answer, data, size);
	memcpy(answer + size, "\n.\n", 3);
	check_answer((weir_str){ answer, size + 3 });
	free(answer);
	while (ctl_text_line(&in, &line))
		check_command(line);
	check_command(in);
	return 0;
}
