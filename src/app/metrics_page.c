/* metrics_page.c - see metrics_page.h. */
#include "app/metrics_page.h"

#include "app/req.h"
#include "app/site.h"
#include "base/buf.h"
#include "base/metrics_text.h"
#include "base/metrics_view.h"

/* Against our own mistakes: a set of the usual size comes to three times as much text. */
#define PAGE_MAX ((size_t)256 << 20)

static int write_all(const struct site_metrics *shown, struct buf *out)
{
	_cleanup_(metrics_view_freep) struct metrics_view *view = NULL;
	int r;

	/* Before it is read: what this worker has not put there yet. */
	r = shown->collect(shown->arg, NULL);
	if (r >= 0)
		r = metrics_view_new(shown->memory, &view);
	if (r >= 0)
		r = shown->collect(shown->arg, view);
	return r < 0 ? r : metrics_text_write(view, out);
}

int metrics_page(weir_req *req)
{
	const struct site_metrics *shown = req_of(req)->site->shown;
	_cleanup_(buf_done) struct buf out = { .limit = PAGE_MAX };
	int r;

	if (!shown)
		return WEIR_STATUS(404);
	r = write_all(shown, &out);
	if (r < 0)
		return r;
	r = weir_set_header(req, "cache-control", WEIR_STR("no-store"));
	if (r < 0)
		return r;
	return weir_respond(req, 200, METRICS_TEXT_TYPE, buf_str(&out));
}
