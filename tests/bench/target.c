/* target.c - see target.h. */
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/macro.h"
#include "gauge.h"

#define MAX_SECONDS 600

struct target target_usual(void)
{
	return (struct target){ .path = "/hello", .n_conns = 64, .seconds = 5 };
}

bool target_read_option(struct target *target, int option, const char *text)
{
	switch (option) {
	case 'p':
		return gauge_read_number(text, UINT16_MAX, &target->port);
	case 'u':
		target->path = text;
		return true;
	case 'c':
		return gauge_read_number(text, TARGET_MAX_CONNECTIONS, &target->n_conns);
	case 'd':
		return gauge_read_number(text, MAX_SECONDS, &target->seconds);
	case 'n':
		return gauge_read_number(text, INT32_MAX, &target->n_requests);
	case 'k':
		target->is_once = true;
		return true;
	}
	return false;
}

int target_dial(const struct target *target, int flags, int *ret_fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)target->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_(close_fdp) int fd = -1;
	int one = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
		return -errno;
	*ret_fd = steal_fd(fd);
	return 0;
}

uint64_t target_answer_len(const char *bytes)
{
	const char *end = strstr(bytes, "\r\n\r\n");
	const char *length = strcasestr(bytes, "\r\ncontent-length:");

	if (!end || !length || length > end ||
	    strncmp(bytes, TARGET_STATUS, strlen(TARGET_STATUS)) != 0)
		return 0;
	return (uint64_t)(end + 4 - bytes) + strtoull(length + 17, NULL, 10);
}
