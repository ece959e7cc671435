/*
 * replay.c - libFuzzer's main() for compilers that have none: each file of the
 * directories on the command line, once. So the kept corpus is a test of every build.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly as long as the file, so that ASan sees a byte read too far. */
static uint8_t *read_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	uint8_t *bytes;

	if (!file || fstat(fileno(file), &st) < 0)
		return NULL;
	*ret_size = (size_t)st.st_size;
	bytes = malloc(*ret_size ? *ret_size : 1);
	if (bytes && fread(bytes, 1, *ret_size, file) != *ret_size) {
		free(bytes);
		bytes = NULL;
	}
	(void)fclose(file);
	return bytes;
}

/* The number of files, or -1. */
static int replay(const char *dir_name)
{
	DIR *dir = opendir(dir_name);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		char path[4096];
		uint8_t *bytes;
		size_t size;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir_name, entry->d_name);
		bytes = read_file(path, &size);
		if (!bytes) {
			n = -1;
			break;
		}
		(void)LLVMFuzzerTestOneInput(bytes, size);
		free(bytes);
		n++;
	}
	(void)closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int n = replay(argv[i]);

		if (n <= 0) {
			(void)fprintf(stderr, "%s: no files, or not readable\n", argv[i]);
			return 1;
		}
		(void)printf("%s: %d files\n", argv[i], n);
	}
	return argc > 1 ? 0 : 1;
}
