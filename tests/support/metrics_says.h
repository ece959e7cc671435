#ifndef WEIR_TESTS_METRICS_SAYS_H
#define WEIR_TESTS_METRICS_SAYS_H
/* metrics_says.h - what GET /metrics would say of a memory of metrics. */
#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/metrics_text.h"
#include "base/metrics_view.h"

/* Whether the text of this view has that in it; the view is taken. */
static inline bool metrics_view_says(struct metrics_view *take_view, const char *line)
{
	struct buf out;
	bool found;

	buf_init(&out, 0);
	cr_assert_eq(metrics_text_write(take_view, &out), 0);
	cr_assert_eq(buf_append(&out, "", 1), 0);
	found = strstr(out.data, line);
	if (!found)
		cr_log_error("%s", out.data);
	buf_done(&out);
	(void)metrics_view_free(take_view);
	return found;
}

static inline bool metrics_says(const struct metrics_memory *memory, const char *line)
{
	struct metrics_view *view;

	cr_assert_eq(metrics_view_new(memory, &view), 0);
	return metrics_view_says(view, line);
}

#endif
