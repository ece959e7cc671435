/*
 * fuzz_conf.c - any bytes as a configuration file: our checks of the file, libfyaml, our
 * tree over it, the reader, and the messages with their carets. What is taken is
 * printed, as by -T, and has to be the same when it is read again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "conf/cli.h"
#include "conf/conf.h"
#include "conf/conf_print.h"
#include "conf/messages.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/*
 * libfyaml 0.7.12 loses 4 KiB on a quoted scalar with more than 32 escapes in it, and a
 * daemon reads its file once. That we free what is ours, the unit tests show
 * without this.
 */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

/* What comes out depends on the input only. Inputs may name these variables. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (clearenv() != 0 || setenv("SET", "value", 1) < 0 || setenv("SIZE", "64KiB", 1) < 0 ||
	    setenv("EMPTY", "", 1) < 0)
		abort();
	return 0;
}

static void check_messages(const struct messages *messages, int r)
{
	struct buf text;

	buf_init(&text, 0);
	if (messages_format(messages, &text) < 0)
		abort();
	assert((messages->n_errors > 0) == (r < 0));
	assert(str_is_utf8(buf_str(&text)));
	buf_done(&text);
}

/* NULL: it was refused. */
static struct conf *load(const void *bytes, size_t len)
{
	_cleanup_(conf_freep) struct conf *conf = NULL;
	int fd = memfd_create("conf", MFD_CLOEXEC);
	struct messages messages;
	struct cli cli = { 0 };
	char path[32];
	int r;

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cli.file = path;
	messages_init(&messages);
	r = conf_load(&cli, &messages, &conf);
	assert(r == 0 || r == -EINVAL);
	check_messages(&messages, r);
	messages_done(&messages);
	(void)close(fd);
	return r == 0 ? steal_ptr(conf) : NULL;
}

static char *print(const struct conf *conf, bool has_origins)
{
	struct buf text;

	buf_init(&text, 0);
	if (conf_print(conf, has_origins, &text) < 0)
		abort();
	return buf_steal(&text);
}

/* What -T prints is the same configuration. */
static void check_print(const struct conf *conf)
{
	_cleanup_(conf_freep) struct conf *again = NULL;
	_cleanup_(freep) char *text = print(conf, true);
	_cleanup_(freep) char *values = print(conf, false);
	_cleanup_(freep) char *values_again = NULL;

	again = load(text, strlen(text));
	values_again = again ? print(again, false) : NULL;
	if (!again || strcmp(values, values_again) != 0) {
		(void)fprintf(stderr, "%s--- again:\n%s", text,
			      values_again ? values_again : "refused\n");
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(conf_freep) struct conf *conf = load(data, size);

	if (conf)
		check_print(conf);
	return 0;
}
