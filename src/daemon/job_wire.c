/*
 * job_wire.c - see job_wire.h. A packet is a head of fixed size, three names, whose
 * it is, and the payload. Each word has its fields; the head made again from what was
 * decoded must be the head that came, so nothing hides in the others.
 */
#include "daemon/job_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/str.h"
#include "proto/traceparent.h"

struct head {
	uint64_t id;
	uint64_t fd_len;
	uint64_t resident;
	int64_t max_run_ms;
	int64_t deadline_ms;
	int32_t result;
	int32_t status;
	int32_t priority;
	uint32_t route;
	uint8_t word;
	uint8_t pool_len;
	uint8_t module_len;
	uint8_t name_len;
	uint8_t request_id_len;
	uint8_t traceparent_len;
	uint16_t zero;
};

_Static_assert(sizeof(struct head) == 64, "a head without holes");
_Static_assert(sizeof(struct head) + 3 * JOB_NAME_MAX + JOB_REQUEST_ID_MAX + TRACEPARENT_LEN +
			       JOB_INLINE_MAX <=
		       JOB_PACKET_MAX,
	       "the longest packet fits");

/* What comes with a word besides its id. */
enum field {
	RESULT = 1 << 0,
	STATUS = 1 << 1,
	PRIORITY = 1 << 2,
	ROUTE = 1 << 3,
	MAX_RUN = 1 << 4,
	DEADLINE = 1 << 5,
	RESIDENT = 1 << 6,
	POOL = 1 << 7,
	NAMES = 1 << 8,
	BYTES = 1 << 9,
	FD = 1 << 10,
	WHOSE = 1 << 11,
};

static const unsigned fields[] = {
	[JOB_SUBMIT] = PRIORITY | ROUTE | MAX_RUN | DEADLINE | POOL | NAMES | WHOSE | BYTES | FD,
	[JOB_CANCEL] = 0,
	[JOB_QUEUED] = 0,
	[JOB_STARTED] = 0,
	[JOB_REFUSED] = RESULT,
	[JOB_PROGRESS] = BYTES,
	[JOB_ENDED] = RESULT | STATUS | RESIDENT | BYTES | FD,
	[JOB_RUN] = DEADLINE | NAMES | WHOSE | BYTES | FD,
	[JOB_IDLE] = ROUTE | RESIDENT,
};

static bool is_word(unsigned word)
{
	return word >= JOB_SUBMIT && word < ARRAY_LEN(fields);
}

static struct head head_of(const struct job_packet *p)
{
	unsigned has = fields[p->word];

	return (struct head){
		.word = (uint8_t)p->word,
		.id = p->id,
		.result = has & RESULT ? p->result : 0,
		.status = has & STATUS ? p->status : 0,
		.priority = has & PRIORITY ? p->priority : 0,
		.route = has & ROUTE ? p->route : 0,
		.max_run_ms = has & MAX_RUN ? p->max_run_ms : 0,
		.deadline_ms = has & DEADLINE ? p->deadline_ms : 0,
		.resident = has & RESIDENT ? p->resident : 0,
		.fd_len = has & FD ? p->fd_len : 0,
		.pool_len = has & POOL ? (uint8_t)p->pool.len : 0,
		.module_len = has & NAMES ? (uint8_t)p->module.len : 0,
		.name_len = has & NAMES ? (uint8_t)p->name.len : 0,
		.request_id_len = has & WHOSE ? (uint8_t)p->request_id.len : 0,
		.traceparent_len = has & WHOSE ? (uint8_t)p->traceparent.len : 0,
	};
}

/* They end up in logs, and in the requests that a job makes of others. */
static bool is_somebodys(const struct job_packet *p)
{
	struct traceparent parent;

	return (p->request_id.len == 0 || traceparent_is_id(p->request_id)) &&
	       (p->traceparent.len == 0 || (p->traceparent.len == TRACEPARENT_LEN &&
					    traceparent_parse(p->traceparent, &parent) >= 0));
}

static bool makes_sense(const struct job_packet *p)
{
	unsigned has = fields[p->word];

	if ((has & NAMES) && (p->module.len == 0 || p->name.len == 0))
		return false;
	if ((has & WHOSE) && !is_somebodys(p))
		return false;
	if ((has & MAX_RUN) && p->max_run_ms < 0)
		return false;
	if (p->word == JOB_REFUSED && p->result >= 0)
		return false;
	return !(has & FD) || p->fd_len == 0 || p->bytes.len == 0;
}

/* All but the head and the payload. */
static size_t words_len(const struct head *head)
{
	return (size_t)head->pool_len + head->module_len + head->name_len + head->request_id_len +
	       head->traceparent_len;
}

/* ---- out */

enum { N_PARTS = 7 };

/* The packet in parts, and how long it is. */
static ssize_t take_apart(const struct job_packet *p, struct head *head,
			  struct iovec parts[N_PARTS])
{
	size_t n_bytes;

	if (!is_word(p->word) || !makes_sense(p))
		return -EINVAL;
	n_bytes = fields[p->word] & BYTES ? p->bytes.len : 0;
	if (p->pool.len > JOB_NAME_MAX || p->module.len > JOB_NAME_MAX ||
	    p->name.len > JOB_NAME_MAX || n_bytes > JOB_INLINE_MAX)
		return -EMSGSIZE;
	*head = head_of(p);
	parts[0] = (struct iovec){ head, sizeof(*head) };
	parts[1] = (struct iovec){ (void *)p->pool.ptr, head->pool_len };
	parts[2] = (struct iovec){ (void *)p->module.ptr, head->module_len };
	parts[3] = (struct iovec){ (void *)p->name.ptr, head->name_len };
	parts[4] = (struct iovec){ (void *)p->request_id.ptr, head->request_id_len };
	parts[5] = (struct iovec){ (void *)p->traceparent.ptr, head->traceparent_len };
	parts[6] = (struct iovec){ (void *)p->bytes.ptr, n_bytes };
	return (ssize_t)(sizeof(*head) + words_len(head) + n_bytes);
}

ssize_t job_wire_encode(const struct job_packet *packet, void *buf, size_t cap)
{
	struct iovec parts[N_PARTS];
	struct head head;
	ssize_t len = take_apart(packet, &head, parts);
	char *out = buf;

	if (len < 0)
		return len;
	if ((size_t)len > cap)
		return -EMSGSIZE;
	for (size_t i = 0; i < N_PARTS; i++)
		out = str_put(out, (weir_str){ parts[i].iov_base, parts[i].iov_len });
	return len;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void attach_fd(struct msghdr *msg, union control *control, int fd)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control;
	msg->msg_controllen = sizeof(*control);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

static int send_parts(int fd, struct iovec *parts, size_t n_parts, int payload_fd)
{
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = n_parts };
	union control control;
	ssize_t n;

	if (payload_fd >= 0)
		attach_fd(&msg, &control, payload_fd);
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

int job_wire_send(int fd, const struct job_packet *packet)
{
	struct iovec parts[N_PARTS];
	struct head head;
	ssize_t len = take_apart(packet, &head, parts);

	if (len < 0)
		return (int)len;
	return send_parts(fd, parts, N_PARTS, head.fd_len > 0 ? packet->fd : -1);
}

int job_wire_send_encoded(int fd, weir_str encoded, int payload_fd)
{
	struct iovec part = { (void *)encoded.ptr, encoded.len };

	return send_parts(fd, &part, 1, payload_fd);
}

/* ---- in */

static weir_str cut(const char **at, size_t len)
{
	weir_str s = { *at, len };

	*at += len;
	return s;
}

int job_wire_decode(weir_str in, struct job_packet *ret_packet)
{
	const char *at = in.ptr, *end = in.ptr + in.len;
	struct head head, again;
	struct job_packet p;

	if (in.len < sizeof(head) || in.len > JOB_PACKET_MAX)
		return -EPROTO;
	memcpy(&head, at, sizeof(head));
	at += sizeof(head);
	if (!is_word(head.word) || (size_t)(end - at) < words_len(&head))
		return -EPROTO;
	p = (struct job_packet){
		.word = head.word,
		.id = head.id,
		.result = head.result,
		.status = head.status,
		.priority = head.priority,
		.route = head.route,
		.max_run_ms = head.max_run_ms,
		.deadline_ms = head.deadline_ms,
		.resident = head.resident,
		.fd = -1,
		.fd_len = head.fd_len,
	};
	p.pool = cut(&at, head.pool_len);
	p.module = cut(&at, head.module_len);
	p.name = cut(&at, head.name_len);
	p.request_id = cut(&at, head.request_id_len);
	p.traceparent = cut(&at, head.traceparent_len);
	p.bytes = cut(&at, (size_t)(end - at));
	again = head_of(&p);
	if (memcmp(&again, &head, sizeof(head)) != 0 || !makes_sense(&p) ||
	    p.bytes.len > (fields[p.word] & BYTES ? JOB_INLINE_MAX : 0))
		return -EPROTO;
	*ret_packet = p;
	return 0;
}

/* The first is kept, if it is the only one; -EPROTO otherwise. They are ours by now, wanted or not. */
static int detach_fd(struct msghdr *msg, int *ret_fd)
{
	int fds[sizeof(union control) / sizeof(int)];
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	size_t n_fds;

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
		return 0;
	n_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(cmsg), n_fds * sizeof(int));
	if (n_fds == 1) {
		*ret_fd = fds[0];
		return 0;
	}
	for (size_t i = 0; i < n_fds; i++)
		(void)close(fds[i]);
	return n_fds == 0 ? 0 : -EPROTO;
}

int job_wire_receive(int fd, void *buf, struct job_packet *ret_packet)
{
	struct iovec part = { buf, JOB_PACKET_MAX };
	union control control;
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	_cleanup_(close_fdp) int payload_fd = -1;
	struct job_packet packet;
	ssize_t n;
	int r;

	/* A reset is said once, and before the last words of who has died: see io/ipc.c. */
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n <= 0)
		return n < 0 ? -errno : 0;

	r = detach_fd(&msg, &payload_fd);
	if (r < 0 || (msg.msg_flags & MSG_TRUNC))
		return -EPROTO;
	r = job_wire_decode((weir_str){ buf, (size_t)n }, &packet);
	if (r < 0)
		return r;
	if (payload_fd >= 0 && packet.fd_len == 0)
		return -EPROTO;
	packet.fd = steal_fd(payload_fd);
	*ret_packet = packet;
	return 1;
}
