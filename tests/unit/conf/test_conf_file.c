/* test_conf_file.c - whatever is given as a file ends in a message, never in a hang. */
#include "conf/conf_file.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "conf_fixture.h"

struct reading {
	struct fixture f;
	struct buf text;
	int r;
};

static void read_it(struct reading *reading, const char *path)
{
	struct buf said;

	buf_init(&reading->text, 0);
	reading->r = conf_file_read(path, &reading->f.messages, &reading->text);
	buf_init(&said, 0);
	cr_assert_eq(messages_format(&reading->f.messages, &said), 0);
	reading->f.said = buf_steal(&said);
}

static void done(struct reading *reading)
{
	buf_done(&reading->text);
	fixture_done(&reading->f);
}

Test(conf_file, reads_a_text)
{
	struct reading reading;

	fixture_init(&reading.f);
	fixture_write("test.yaml", "a: ü\r\n\tb", 9);
	read_it(&reading, "test.yaml");
	cr_assert_eq(reading.r, 0, "%s", reading.f.said);
	cr_assert(weir_str_eq(buf_str(&reading.text), WEIR_STR("a: ü\r\n\tb")));
	done(&reading);
}

struct text {
	size_t len;
	char bytes[32], said[96];
};

ParameterizedTestParameters(conf_file, refuses_what_is_no_text)
{
	static struct text rows[] = {
		{ 8, "a: 1\nb\0c", "test.yaml:2:2: a control byte (0x00): not a text file\n" },
		{ 4,
		  "\x7f"
		  "ELF",
		  "test.yaml:1:1: a control byte (0x7f): not a text file\n" },
		{ 7, "a: \033[1m", "test.yaml:1:4: a control byte (0x1b): not a text file\n" },
		{ 6,
		  "a: \xff\xfe"
		  "b",
		  "test.yaml:1:4: not UTF-8: byte 0xff\n" },
		{ 9, "\xc3\xa4: 1\n\xc3\xa4\xc3", "test.yaml:2:2: not UTF-8: byte 0xc3\n" },
		{ 5,
		  "a\xed\xa0\x80"
		  "b",
		  "test.yaml:1:2: not UTF-8: byte 0xed\n" },
		{ 3, "a\xe4z", "test.yaml:1:2: not UTF-8: byte 0xe4\n" },
		{ 2, "\xff\xfe", "test.yaml:1:1: not UTF-8: byte 0xff\n" },
	};

	return cr_make_param_array(struct text, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct text *row, conf_file, refuses_what_is_no_text)
{
	struct reading reading;

	fixture_init(&reading.f);
	fixture_write("test.yaml", row->bytes, row->len);
	read_it(&reading, "test.yaml");
	cr_expect_eq(reading.r, -EINVAL);
	cr_expect_str_eq(reading.f.said, row->said);
	done(&reading);
}

Test(conf_file, says_that_there_is_none)
{
	struct reading reading;

	fixture_init(&reading.f);
	read_it(&reading, "none.yaml");
	cr_assert_eq(reading.r, -EINVAL);
	cr_assert_str_eq(reading.f.said, "none.yaml: cannot be read: No such file or directory\n");
	done(&reading);
}

Test(conf_file, refuses_a_directory)
{
	struct reading reading;

	fixture_init(&reading.f);
	read_it(&reading, ".");
	cr_assert_eq(reading.r, -EINVAL);
	cr_assert_str_eq(reading.f.said, ".: is a directory, not a regular file\n");
	done(&reading);
}

Test(conf_file, does_not_wait_for_a_fifo, .timeout = 10)
{
	struct reading reading;

	fixture_init(&reading.f);
	cr_assert_eq(mkfifo("fifo", 0600), 0);
	read_it(&reading, "fifo");
	cr_assert_eq(reading.r, -EINVAL);
	cr_assert_str_eq(reading.f.said, "fifo: is a pipe, not a regular file\n");
	cr_assert_eq(unlink("fifo"), 0);
	done(&reading);
}

Test(conf_file, refuses_a_device)
{
	struct reading reading;

	fixture_init(&reading.f);
	read_it(&reading, "/dev/zero");
	cr_assert_eq(reading.r, -EINVAL);
	cr_assert_str_eq(reading.f.said, "/dev/zero: is a device, not a regular file\n");
	done(&reading);
}

Test(conf_file, refuses_a_socket)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct reading reading;

	fixture_init(&reading.f);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	read_it(&reading, "sock");
	cr_assert_eq(reading.r, -EINVAL);
	cr_assert_str_eq(reading.f.said, "sock: cannot be read: No such device or address\n");
	cr_assert_eq(close(fd), 0);
	cr_assert_eq(unlink("sock"), 0);
	done(&reading);
}

Test(conf_file, refuses_what_is_larger_than_a_mebibyte)
{
	struct reading reading;

	fixture_init(&reading.f);
	fixture_write("test.yaml", "", 0);
	cr_assert_eq(truncate("test.yaml", 2 * CONF_FILE_MAX), 0);
	read_it(&reading, "test.yaml");
	cr_assert_eq(reading.r, -EINVAL);
	cr_assert_str_eq(reading.f.said,
			 "test.yaml: is larger than 1 MiB: not a configuration file\n");
	done(&reading);
}

/* /proc's files say 0 bytes and then give more: the size is not believed. */
Test(conf_file, reads_a_file_that_is_longer_than_it_says)
{
	struct reading reading;

	fixture_init(&reading.f);
	read_it(&reading, "/proc/self/status");
	cr_assert_eq(reading.r, 0, "%s", reading.f.said);
	cr_assert_gt(reading.text.len, 0);
	done(&reading);
}

/* Root may read everything, so the test becomes somebody else. */
Test(conf_file, refuses_what_it_may_not_read)
{
	struct reading reading;

	fixture_init(&reading.f);
	fixture_write("test.yaml", "a: 1\n", 5);
	cr_assert_eq(chmod("test.yaml", 0), 0);
	cr_assert_eq(chmod(".", 0777), 0);
	if (geteuid() == 0) {
		cr_assert_eq(setgroups(0, NULL), 0);
		cr_assert_eq(setegid(65534), 0);
		cr_assert_eq(seteuid(65534), 0);
	}
	read_it(&reading, "test.yaml");
	cr_expect_eq(reading.r, -EINVAL);
	cr_expect_str_eq(reading.f.said, "test.yaml: cannot be read: Permission denied\n");
	if (getuid() == 0)
		cr_assert_eq(seteuid(0), 0);
	done(&reading);
}
