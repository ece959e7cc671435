/* file_api.c - the weir_file_ names of what coro/ does. */
#include <weir/file.h>

#include "coro/file.h"
#include "coro/file_line.h"
#include "coro/file_path.h"

int weir_file_open(const char *path, int flags, unsigned mode, weir_file **ret_file)
{
	return file_open(path, flags, mode, (struct file **)ret_file);
}

int weir_file_attach(int fd, weir_file **ret_file)
{
	return file_attach(fd, (struct file **)ret_file);
}

void weir_file_close(weir_file *f)
{
	file_close((struct file *)f);
}

int weir_file_fd(const weir_file *f)
{
	return file_descriptor((const struct file *)f);
}

int weir_file_read(weir_file *f, void *buf, size_t size)
{
	return file_read((struct file *)f, buf, size);
}

int weir_file_line(weir_file *f, size_t max, weir_str *ret_line)
{
	return file_line((struct file *)f, max, ret_line);
}

int weir_file_write(weir_file *f, weir_str bytes)
{
	return file_write((struct file *)f, bytes);
}

int weir_file_pread(weir_file *f, void *buf, size_t size, uint64_t offset)
{
	return file_read_at((struct file *)f, buf, size, offset);
}

int weir_file_pwrite(weir_file *f, weir_str bytes, uint64_t offset)
{
	return file_write_at((struct file *)f, bytes, offset);
}

int weir_file_sync(weir_file *f)
{
	return file_sync((struct file *)f);
}

int weir_file_stat(const char *path, struct stat *ret_stat)
{
	return file_path_stat(path, ret_stat);
}

int weir_file_fstat(weir_file *f, struct stat *ret_stat)
{
	return file_stat((struct file *)f, ret_stat);
}

int weir_file_load(const char *path, size_t max, char **ret_bytes, size_t *ret_len)
{
	return file_path_load(path, max, ret_bytes, ret_len);
}
