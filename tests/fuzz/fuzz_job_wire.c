/*
 * fuzz_job_wire.c - packets between our processes, about jobs. What is taken
 * makes sense, encodes to the bytes it came as, and looks at none beyond them.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job_wire.h"
#include "proto/traceparent.h"

static void check_sense(const struct job_packet *p, weir_str in)
{
	assert(p->word >= JOB_SUBMIT && p->word <= JOB_IDLE);
	assert(p->pool.len <= JOB_NAME_MAX && p->module.len <= JOB_NAME_MAX);
	assert(p->name.len <= JOB_NAME_MAX && p->bytes.len <= JOB_INLINE_MAX);
	assert(p->fd == -1 && (p->fd_len == 0 || p->bytes.len == 0));
	assert(p->max_run_ms >= 0);
	assert(p->request_id.len == 0 || traceparent_is_id(p->request_id));
	assert(p->request_id.len <= JOB_REQUEST_ID_MAX);
	assert(p->traceparent.len == 0 || p->traceparent.len == TRACEPARENT_LEN);
	if (p->word != JOB_SUBMIT && p->word != JOB_RUN)
		assert(p->request_id.len + p->traceparent.len == 0);
	assert(p->word != JOB_REFUSED || p->result < 0);
	if (p->word == JOB_SUBMIT || p->word == JOB_RUN)
		assert(p->module.len > 0 && p->name.len > 0);
	assert(p->bytes.len == 0 || p->bytes.ptr + p->bytes.len == in.ptr + in.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_str in = { (const char *)data, size };
	struct job_packet p;
	char *again;
	int r;

	r = job_wire_decode(in, &p);
	assert(r == 0 || r == -EPROTO);
	if (r < 0)
		return 0;
	check_sense(&p, in);
	again = malloc(size);
	assert(again && job_wire_encode(&p, again, size) == (ssize_t)size);
	assert(memcmp(again, data, size) == 0);
	assert(job_wire_encode(&p, again, size - 1) == -EMSGSIZE);
	free(again);
	return 0;
}
