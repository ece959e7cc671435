/* tls_bundle.c - see tls_bundle.h. Sealed it is a number of lengths, then the bytes. */
#include "daemon/tls_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/messages.h"
#include "io/sealed.h"

/* A chain of ten with large keys has 30 KiB; a list of all authorities there are, 250. */
#define MAX_FILE ((off_t)1024 * 1024)

struct file_ref {
	const char *option;
	const struct conf_name *name;
};
typedef void each_fn(void *arg, const struct file_ref *ref);

static void each_file(const struct conf *conf, each_fn *each, void *arg)
{
	for (size_t i = 0; i < conf->n_listen; i++) {
		const struct conf_tls *tls = &conf->listen[i].tls;

		if (!tls->is_on)
			continue;
		for (size_t k = 0; k < tls->n_all; k++) {
			each(arg, &(struct file_ref){ "certificate", &tls->all[k].certificate });
			each(arg, &(struct file_ref){ "key", &tls->all[k].key });
		}
		if (tls->client_ca.text)
			each(arg, &(struct file_ref){ "client_ca", &tls->client_ca });
	}
}

struct path_call {
	tls_bundle_file_fn *each;
	void *arg;
};

static void tell_path(void *arg, const struct file_ref *ref)
{
	const struct path_call *call = arg;

	call->each(call->arg, ref->name->text);
}

void tls_bundle_each(const struct conf *conf, tls_bundle_file_fn *each, void *arg)
{
	struct path_call call = { each, arg };

	each_file(conf, tell_path, &call);
}

/* ---- reading */

static int read_whole(int fd, char *bytes, size_t len)
{
	size_t n = 0;

	while (n < len) {
		ssize_t got = read(fd, bytes + n, len - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EBUSY; /* somebody is writing it */
		n += (size_t)got;
	}
	return 0;
}

static int read_file(const char *path, weir_str *ret_bytes)
{
	/* Not blocked by a fifo of that name. */
	_cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *bytes;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > MAX_FILE)
		return -EFBIG;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	r = read_whole(fd, bytes, (size_t)st.st_size);
	if (r < 0) {
		OPENSSL_cleanse(bytes, (size_t)st.st_size);
		free(bytes);
		return r;
	}
	*ret_bytes = (weir_str){ bytes, (size_t)st.st_size };
	return 0;
}

static const char *hint_for(int error)
{
	if (error == -EACCES || error == -EPERM)
		return " (weir has to be started as root, or as a user who may read it)";
	return error == -EINVAL ? " (it is no file)" : "";
}

struct reading {
	struct tls_bundle *bundle;
	struct messages *messages;
	int r;
};

/* It says nothing about the file. */
static bool is_shortage(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static void read_one(void *arg, const struct file_ref *ref)
{
	struct reading *reading = arg;
	struct tls_bundle *bundle = reading->bundle;
	weir_str *files, bytes = { NULL, 0 };
	int r;

	if (is_shortage(reading->r))
		return;
	files = realloc(bundle->files, (bundle->n_files + 1) * sizeof(*files));
	r = files ? read_file(ref->name->text, &bytes) : -ENOMEM;
	if (files) {
		bundle->files = files;
		files[bundle->n_files++] = bytes;
	}
	if (r == 0)
		return;
	if (!is_shortage(r))
		messages_add(reading->messages, &ref->name->pos, "%s: cannot read %s: %s%s",
			     ref->option, ref->name->text, strerror(-r), hint_for(r));
	reading->r = is_shortage(r) ? r : -EINVAL;
}

int tls_bundle_read(const struct conf *conf, struct messages *messages,
		    struct tls_bundle *ret_bundle)
{
	struct tls_bundle bundle = { 0 };
	struct reading reading = { &bundle, messages, 0 };

	each_file(conf, read_one, &reading);
	if (reading.r < 0)
		tls_bundle_done(&bundle);
	else
		*ret_bundle = bundle;
	return reading.r;
}

void tls_bundle_done(struct tls_bundle *bundle)
{
	for (size_t i = 0; i < bundle->n_files; i++) {
		char *bytes = (char *)(uintptr_t)bundle->files[i].ptr;

		if (bytes)
			OPENSSL_cleanse(bytes, bundle->files[i].len);
		free(bytes);
	}
	free(bundle->files);
	*bundle = (struct tls_bundle){ 0 };
}

/* ---- to another process */

int tls_bundle_seal(const struct tls_bundle *bundle, int *ret_fd, uint64_t *ret_len)
{
	uint64_t n = bundle->n_files;
	size_t len = sizeof(n) * (bundle->n_files + 1), at;
	char *packed;
	int r;

	for (size_t i = 0; i < bundle->n_files; i++)
		len += bundle->files[i].len;
	packed = malloc(len);
	if (!packed)
		return -ENOMEM;
	memcpy(packed, &n, sizeof(n));
	at = sizeof(n) * (bundle->n_files + 1);
	for (size_t i = 0; i < bundle->n_files; i++) {
		uint64_t file_len = bundle->files[i].len;

		memcpy(packed + sizeof(n) * (i + 1), &file_len, sizeof(file_len));
		if (file_len > 0)
			memcpy(packed + at, bundle->files[i].ptr, file_len);
		at += file_len;
	}
	r = sealed_new((weir_str){ packed, len }, ret_fd);
	OPENSSL_cleanse(packed, len);
	free(packed);
	*ret_len = len;
	return r;
}

static uint64_t number_at(weir_str bytes, size_t index)
{
	uint64_t n;

	memcpy(&n, bytes.ptr + index * sizeof(n), sizeof(n));
	return n;
}

static int copy_file(weir_str from, weir_str *ret_copy)
{
	char *copy = malloc(from.len + 1);

	if (!copy)
		return -ENOMEM;
	if (from.len > 0)
		memcpy(copy, from.ptr, from.len);
	*ret_copy = (weir_str){ copy, from.len };
	return 0;
}

static int unpack(weir_str packed, struct tls_bundle *bundle)
{
	uint64_t n = packed.len >= sizeof(n) ? number_at(packed, 0) : 0;
	size_t at;
	int r;

	if (n == 0 || n >= packed.len / sizeof(n))
		return -EPROTO;
	at = sizeof(n) * ((size_t)n + 1);
	bundle->files = calloc((size_t)n, sizeof(*bundle->files));
	if (!bundle->files || at > packed.len)
		return bundle->files ? -EPROTO : -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint64_t len = number_at(packed, i + 1);

		if (len > packed.len - at)
			return -EPROTO;
		r = copy_file((weir_str){ packed.ptr + at, (size_t)len }, &bundle->files[i]);
		if (r < 0)
			return r;
		bundle->n_files++;
		at += (size_t)len;
	}
	return 0;
}

int tls_bundle_open(int fd, uint64_t len, struct tls_bundle *ret_bundle)
{
	struct tls_bundle bundle = { 0 };
	weir_str packed;
	int r;

	r = sealed_map(fd, len, &packed);
	if (r < 0)
		return r;
	r = unpack(packed, &bundle);
	sealed_unmap(packed);
	if (r < 0)
		tls_bundle_done(&bundle);
	else
		*ret_bundle = bundle;
	return r;
}
