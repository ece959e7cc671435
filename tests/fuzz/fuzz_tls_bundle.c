/*
 * fuzz_tls_bundle.c - what a worker gets from the master in a sealed file. What is taken
 * lies within what was sent, file by file, and seals to bytes that are taken as the same.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "daemon/tls_bundle.h"
#include "io/sealed.h"

static void check_again(const struct tls_bundle *bundle, size_t size)
{
	struct tls_bundle again;
	uint64_t len;
	int fd;

	assert(tls_bundle_seal(bundle, &fd, &len) == 0 && len <= size);
	assert(tls_bundle_open(fd, len, &again) == 0 && again.n_files == bundle->n_files);
	for (size_t i = 0; i < again.n_files; i++)
		assert(weir_str_eq(again.files[i], bundle->files[i]));
	tls_bundle_done(&again);
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_str in = { (const char *)data, size };
	struct tls_bundle bundle;
	int fd, r;

	if (size == 0)
		return 0;
	assert(sealed_new(in, &fd) == 0);
	r = tls_bundle_open(fd, size, &bundle);
	assert(r == 0 || r == -EPROTO);
	(void)close(fd);
	if (r < 0)
		return 0;
	check_again(&bundle, size);
	tls_bundle_done(&bundle);
	return 0;
}
