/* control.c - see control.h: words around io/ipc. */
#include "daemon/control.h"

#include <errno.h>
#include <string.h>

#include "daemon/job_plan.h"

static int send_plain(int fd, enum control_type type, unsigned number)
{
	struct ipc_message message = { .type = type, .number = number };

	return ipc_send(fd, &message);
}

int control_send_ready(int fd)
{
	return send_plain(fd, CONTROL_READY, 0);
}

int control_send_leaving(int fd)
{
	return send_plain(fd, CONTROL_LEAVING, 0);
}

int control_send_stalled(int fd)
{
	return send_plain(fd, CONTROL_STALLED, 0);
}

int control_send_failed(int fd, const char *why)
{
	struct ipc_message message = { .type = CONTROL_FAILED };

	/* One byte is left for the receiver's NUL. */
	message.text_len = strnlen(why, sizeof(message.text) - 1);
	memcpy(message.text, why, message.text_len);
	return ipc_send(fd, &message);
}

int control_send_drain(int fd)
{
	return control_send_drain_how(fd, 0);
}

int control_send_drain_how(int fd, unsigned how)
{
	return send_plain(fd, CONTROL_DRAIN, how);
}

int control_send_serve(int fd)
{
	return send_plain(fd, CONTROL_SERVE, 0);
}

int control_send_access_log(int fd, int log_fd)
{
	struct ipc_message message = { .type = CONTROL_ACCESS_LOG, .n_fds = 1, .fds = { log_fd } };

	return ipc_send(fd, &message);
}

int control_send_adopt(int fd, unsigned lane, const int *fds, size_t n_fds)
{
	struct ipc_message message = { .type = CONTROL_ADOPT, .number = lane, .n_fds = n_fds };

	if (n_fds > IPC_FDS_MAX)
		return -EMSGSIZE;
	memcpy(message.fds, fds, n_fds * sizeof(*fds));
	return ipc_send(fd, &message);
}

int control_send_return(int fd, unsigned lane)
{
	return send_plain(fd, CONTROL_RETURN, lane);
}

int control_send_close(int fd, unsigned route)
{
	return send_plain(fd, CONTROL_CLOSE, route);
}

int control_send_hub(int fd, unsigned slot, const int *fds, size_t n_fds)
{
	struct ipc_message message = { .type = CONTROL_HUB, .number = slot, .n_fds = n_fds };

	if (n_fds > IPC_FDS_MAX)
		return -EMSGSIZE;
	memcpy(message.fds, fds, n_fds * sizeof(*fds));
	return ipc_send(fd, &message);
}

int control_send_job_process(int fd, unsigned child, const struct control_job_process *what,
			     int pipe_fd)
{
	struct ipc_message message = { .type = CONTROL_JOB_PROCESS,
				       .number = child,
				       .text_len = sizeof(*what),
				       .n_fds = 1,
				       .fds = { pipe_fd } };

	memcpy(message.text, what, sizeof(*what));
	return ipc_send(fd, &message);
}

int control_send_job_ended(int fd, unsigned child, int status)
{
	struct ipc_message message = { .type = CONTROL_JOB_ENDED,
				       .number = child,
				       .text_len = sizeof(status) };

	memcpy(message.text, &status, sizeof(status));
	return ipc_send(fd, &message);
}

int control_send_job_kill(int fd, unsigned child)
{
	return send_plain(fd, CONTROL_JOB_KILL, child);
}

int control_send_job_retire(int fd, unsigned child)
{
	return send_plain(fd, CONTROL_JOB_RETIRE, child);
}

int control_send_job_renew(int fd)
{
	return send_plain(fd, CONTROL_JOB_RENEW, 0);
}

int control_send_job_pool(int fd, unsigned place, const struct job_plan_pool *pool)
{
	struct ipc_message message = { .type = CONTROL_JOB_POOL,
				       .number = place,
				       .text_len = sizeof(*pool) };

	memcpy(message.text, pool, sizeof(*pool));
	return ipc_send(fd, &message);
}

int control_send_certificates(int fd, int bundle_fd, uint64_t len)
{
	struct ipc_message message = { .type = CONTROL_CERTIFICATES,
				       .text_len = sizeof(len),
				       .n_fds = 1,
				       .fds = { bundle_fd } };

	memcpy(message.text, &len, sizeof(len));
	return ipc_send(fd, &message);
}

int control_send_ctl(int fd, unsigned slot, int pipe_fd)
{
	struct ipc_message message = {
		.type = CONTROL_CTL, .number = slot, .n_fds = 1, .fds = { pipe_fd }
	};

	return ipc_send(fd, &message);
}

int control_send_log_level(int fd, int level)
{
	return send_plain(fd, CONTROL_LOG_LEVEL, (unsigned)level);
}

int control_send_ask(int fd, enum control_type type, unsigned number)
{
	return send_plain(fd, type, number);
}

int control_read_job_process(const struct ipc_message *message,
			     struct control_job_process *ret_what)
{
	if (message->type != CONTROL_JOB_PROCESS || message->text_len != sizeof(*ret_what))
		return -EBADMSG;
	memcpy(ret_what, message->text, sizeof(*ret_what));
	return 0;
}

int control_read_job_ended(const struct ipc_message *message, int *ret_status)
{
	if (message->type != CONTROL_JOB_ENDED || message->text_len != sizeof(*ret_status))
		return -EBADMSG;
	memcpy(ret_status, message->text, sizeof(*ret_status));
	return 0;
}

int control_read_job_pool(const struct ipc_message *message, struct job_plan_pool *ret_pool)
{
	struct job_plan_pool pool;

	if (message->type != CONTROL_JOB_POOL || message->text_len != sizeof(pool) ||
	    message->number >= JOB_PLAN_MAX)
		return -EBADMSG;
	memcpy(&pool, message->text, sizeof(pool));
	if (!job_plan_is_sound(&pool))
		return -EBADMSG;
	*ret_pool = pool;
	return 0;
}

int control_read_certificates(const struct ipc_message *message, uint64_t *ret_len)
{
	if (message->type != CONTROL_CERTIFICATES || message->text_len != sizeof(*ret_len) ||
	    message->n_fds != 1)
		return -EBADMSG;
	memcpy(ret_len, message->text, sizeof(*ret_len));
	return 0;
}

int control_receive(int fd, struct ipc_message *ret_message)
{
	int r;

	r = ipc_receive(fd, ret_message);
	if (r <= 0)
		return r;
	if (ret_message->type < CONTROL_READY || ret_message->type >= CONTROL_TYPES ||
	    ret_message->text_len >= sizeof(ret_message->text)) {
		for (size_t i = 0; i < ret_message->n_fds; i++)
			close_fdp(&ret_message->fds[i]);
		return -EBADMSG;
	}
	ret_message->text[ret_message->text_len] = '\0';
	return 1;
}
