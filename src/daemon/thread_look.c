/* thread_look.c - see thread_look.h; proc(5) has the formats. */
#include "daemon/thread_look.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls that are known to take their time; what is not here is said by its number. */
static const char *const names[] = {
	[SYS_accept4] = "accept4",
	[SYS_clock_nanosleep] = "clock_nanosleep",
	[SYS_connect] = "connect",
	[SYS_epoll_pwait] = "epoll_pwait",
	[SYS_fallocate] = "fallocate",
	[SYS_fcntl] = "fcntl",
	[SYS_fdatasync] = "fdatasync",
	[SYS_flock] = "flock",
	[SYS_fsync] = "fsync",
	[SYS_futex] = "futex",
	[SYS_getdents64] = "getdents64",
	[SYS_getrandom] = "getrandom",
	[SYS_ioctl] = "ioctl",
	[SYS_madvise] = "madvise",
	[SYS_mmap] = "mmap",
	[SYS_munmap] = "munmap",
	[SYS_nanosleep] = "nanosleep",
	[SYS_newfstatat] = "newfstatat",
	[SYS_openat] = "openat",
	[SYS_ppoll] = "ppoll",
	[SYS_pread64] = "pread64",
	[SYS_pselect6] = "pselect6",
	[SYS_pwrite64] = "pwrite64",
	[SYS_read] = "read",
	[SYS_recvfrom] = "recvfrom",
	[SYS_recvmsg] = "recvmsg",
	[SYS_rt_sigtimedwait] = "rt_sigtimedwait",
	[SYS_sendfile] = "sendfile",
	[SYS_sendmsg] = "sendmsg",
	[SYS_sendto] = "sendto",
	[SYS_statx] = "statx",
	[SYS_sync] = "sync",
	[SYS_unlinkat] = "unlinkat",
	[SYS_wait4] = "wait4",
	[SYS_waitid] = "waitid",
	[SYS_write] = "write",
	[SYS_writev] = "writev",
#if defined(__x86_64__)
	[SYS_accept] = "accept",
	[SYS_epoll_wait] = "epoll_wait",
	[SYS_open] = "open",
	[SYS_pause] = "pause",
	[SYS_poll] = "poll",
	[SYS_select] = "select",
	[SYS_stat] = "stat",
	[SYS_unlink] = "unlink",
#endif
};

static bool read_file(pid_t tid, const char *name, char *text, size_t size)
{
	_cleanup_(close_fdp) int fd = -1;
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/%s", (int)tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

/* "12345 (a name) S ...": the name may have anything in it. */
static char read_state(pid_t tid)
{
	char text[256];
	const char *end;

	if (!read_file(tid, "stat", text, sizeof(text)))
		return '?';
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] ? end[2] : '?';
}

/* "35 0x0 ... 0x7ffc 0x7f1c": number, six arguments, sp, pc; "-1 sp pc" outside of calls; or "running". */
static void read_call(pid_t tid, struct thread_look *look)
{
	char text[256];
	unsigned long sp, pc;
	long call;

	if (!read_file(tid, "syscall", text, sizeof(text)))
		return;
	if (sscanf(text, "%ld %*x %*x %*x %*x %*x %*x %lx %lx", &call, &sp, &pc) != 3)
		return;
	look->call = call;
	look->sp = sp;
	look->pc = pc;
}

void thread_look(pid_t tid, struct thread_look *ret_look)
{
	*ret_look = (struct thread_look){ .state = read_state(tid), .call = -1 };
	if (ret_look->state == 'S' || ret_look->state == 'D')
		read_call(tid, ret_look);
}

void thread_look_describe(const struct thread_look *look, char ret_words[THREAD_LOOK_WORDS_MAX])
{
	const char *doing = look->state == 'D' ? "it waits for a disk, or the like" : "it sleeps";
	bool is_known = look->call >= 0 && (size_t)look->call < ARRAY_LEN(names) &&
			names[look->call];

	if (look->state == 'R')
		doing = "it computes";
	else if (look->state == 'T' || look->state == 't')
		doing = "it was stopped";
	else if (look->state != 'S' && look->state != 'D')
		doing = "it is not known with what";
	if (is_known)
		(void)snprintf(ret_words, THREAD_LOOK_WORDS_MAX, "%s in %s()", doing,
			       names[look->call]);
	else if (look->call >= 0)
		(void)snprintf(ret_words, THREAD_LOOK_WORDS_MAX, "%s in system call %ld", doing,
			       look->call);
	else
		(void)snprintf(ret_words, THREAD_LOOK_WORDS_MAX, "%s", doing);
}
