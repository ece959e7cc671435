/* test_job_sandbox.c - processes that try to get out. */
#include "daemon/job_sandbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "on_valgrind.h"

/* 0 or an errno: it becomes the exit code. */
typedef int attempt_fn(const char *arg);

/* In a process that is in a sandbox where paths can be read: what came of it; -1: it died. */
static int attempt_reading(attempt_fn *attempt, const char *arg, const char *const *paths,
			   size_t n_paths)
{
	int status = 0;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct buf words = { 0 };

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    job_sandbox_enter(paths, n_paths, &words) < 0) {
			(void)!write(STDERR_FILENO, words.data, words.len);
			_exit(255);
		}
		_exit(attempt(arg));
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int attempts(attempt_fn *attempt)
{
	return attempt_reading(attempt, NULL, NULL, 0);
}

/* valgrind has files, signals and threads of its own to care for. */
#define SKIP_ON_VALGRIND()               \
	do {                             \
		if (RUNNING_ON_VALGRIND) \
			cr_skip_test();  \
	} while (0)

static int error_of(long r)
{
	return r < 0 ? errno : 0;
}

/* ---- files */

static int reads(const char *path)
{
	return error_of(open(path, O_RDONLY | O_CLOEXEC));
}

static int writes(const char *path)
{
	return error_of(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int removes(const char *path)
{
	return error_of(unlink(path));
}

static int changes_mode(const char *path)
{
	return error_of(chmod(path, 0777));
}

static int changes_owner(const char *path)
{
	return error_of(chown(path, getuid(), getgid()));
}

/* file_setattr(2), of Linux 6.17. */
static int changes_attributes(const char *path)
{
	uint64_t attributes[3] = { 0x40 /* FS_XFLAG_NOATIME */ };

	return error_of(syscall(469, AT_FDCWD, path, attributes, sizeof(attributes), 0));
}

/* By what needs no more than a descriptor to read from. */
static int changes_by_ioctl(const char *path, unsigned long what)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long argument[16] = { 1 };

	return fd < 0 ? errno : error_of(ioctl(fd, what, argument));
}

static int changes_version(const char *path)
{
	return changes_by_ioctl(path, FS_IOC_SETVERSION);
}

static int seals_for_good(const char *path)
{
	return changes_by_ioctl(path, FS_IOC_ENABLE_VERITY);
}

static int encrypts(const char *path)
{
	return changes_by_ioctl(path, FS_IOC_SET_ENCRYPTION_POLICY);
}

static int cuts(const char *path)
{
	return error_of(truncate(path, 0));
}

/* A file that no Landlock looks at, whatever kernel this is: what stops these is the filter. */
static void memfd_path(char ret_path[32])
{
	(void)snprintf(ret_path, 32, "/proc/self/fd/%d", memfd_create("test", MFD_CLOEXEC));
}

static int cuts_memfd(const char *arg)
{
	char path[32];

	memfd_path(path);
	return cuts(path);
}

static int cuts_memfd_by_opening(const char *arg)
{
	char path[32];

	memfd_path(path);
	return error_of(open(path, O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static int cuts_memfd_by_openat2(const char *arg)
{
	struct open_how how = { .flags = O_RDONLY | O_TRUNC | O_CLOEXEC };
	char path[32];

	memfd_path(path);
	return error_of(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)));
}

#ifdef SYS_open
static int cuts_memfd_by_old_call(const char *arg)
{
	char path[32];

	memfd_path(path);
	return error_of(syscall(SYS_open, path, O_RDONLY | O_TRUNC | O_CLOEXEC));
}
#endif

struct files {
	char dir[32], in[80], out[80];
	const char *paths[1];
};

static void make_files(struct files *f)
{
	char within[64];
	FILE *file;

	*f = (struct files){ .dir = "/tmp/weir-sandbox-XXXXXX" };
	cr_assert_not_null(mkdtemp(f->dir));
	(void)snprintf(within, sizeof(within), "%s/open", f->dir);
	cr_assert_eq(mkdir(within, 0700), 0);
	(void)snprintf(f->in, sizeof(f->in), "%s/file", within);
	(void)snprintf(f->out, sizeof(f->out), "%s/file", f->dir);
	for (int i = 0; i < 2; i++) {
		file = fopen(i ? f->in : f->out, "we");
		cr_assert(file && fputs("text", file) >= 0);
		(void)fclose(file);
	}
	f->paths[0] = strdup(within);
}

static int try_file(const struct files *f, attempt_fn *attempt, const char *path)
{
	return attempt_reading(attempt, path, f->paths, 1);
}

static void remove_files(struct files *f)
{
	cr_assert_eq(unlink(f->in), 0);
	cr_assert_eq(unlink(f->out), 0);
	cr_assert_eq(rmdir(f->paths[0]), 0);
	cr_assert_eq(rmdir(f->dir), 0);
	free((char *)(uintptr_t)f->paths[0]);
}

Test(job_sandbox, reads_what_it_may_and_nothing_else)
{
	struct files f;

	make_files(&f);
	cr_expect_eq(try_file(&f, reads, f.in), 0);
	cr_expect_eq(try_file(&f, reads, f.out), EACCES);
	cr_expect_eq(try_file(&f, reads, "/etc/passwd"), EACCES);
	cr_expect_eq(try_file(&f, reads, "/proc/self/statm"), 0);
	cr_expect_eq(try_file(&f, reads, "/proc/1/statm"), EACCES);
	remove_files(&f);
}

Test(job_sandbox, changes_no_file)
{
	struct files f;

	make_files(&f);
	cr_expect_eq(try_file(&f, writes, f.in), EACCES);
	cr_expect_eq(try_file(&f, removes, f.in), EACCES);
	cr_expect_eq(try_file(&f, changes_mode, f.in), EPERM);
	cr_expect_eq(try_file(&f, changes_owner, f.in), EPERM);
	cr_expect_eq(try_file(&f, changes_attributes, f.in), EPERM);
	cr_expect_eq(try_file(&f, changes_version, f.in), EPERM);
	cr_expect_eq(try_file(&f, seals_for_good, f.in), EPERM);
	cr_expect_eq(try_file(&f, encrypts, f.in), EPERM);
	cr_expect_eq(try_file(&f, cuts, f.in), EACCES);
	remove_files(&f);
}

Test(job_sandbox, cuts_no_file_on_a_kernel_whose_landlock_cannot_say_so)
{
	cr_expect_eq(attempts(cuts_memfd), EACCES);
	cr_expect_eq(attempts(cuts_memfd_by_opening), EACCES);
	cr_expect_eq(attempts(cuts_memfd_by_openat2), ENOSYS);
#ifdef SYS_open
	cr_expect_eq(attempts(cuts_memfd_by_old_call), EACCES);
#endif
}

/* Criterion has a thread of its own in each test: this needs a process of its own. */
static int names_missing_path(void)
{
	const char *const paths[] = { "/nowhere/at/all" };
	struct buf words = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    job_sandbox_enter(paths, 1, &words) != -ENOENT)
		return 1;
	return !weir_str_eq(buf_str(&words),
			    WEIR_STR("sandbox_paths: /nowhere/at/all: No such file or directory"));
}

Test(job_sandbox, says_which_path_is_not_there)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(names_missing_path());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}

/* ---- the network */

static int makes_socket(const char *family)
{
	return error_of(socket(atoi(family), SOCK_STREAM, 0));
}

Test(job_sandbox, has_no_network)
{
	char family[8];

	(void)snprintf(family, sizeof(family), "%d", AF_INET);
	cr_expect_eq(attempt_reading(makes_socket, family, NULL, 0), EPERM);
	(void)snprintf(family, sizeof(family), "%d", AF_INET6);
	cr_expect_eq(attempt_reading(makes_socket, family, NULL, 0), EPERM);
	(void)snprintf(family, sizeof(family), "%d", AF_UNIX);
	cr_expect_eq(attempt_reading(makes_socket, family, NULL, 0), EPERM);
	(void)snprintf(family, sizeof(family), "%d", AF_NETLINK);
	cr_expect_eq(attempt_reading(makes_socket, family, NULL, 0), EPERM);
}

static int makes_ring(const char *arg)
{
	return error_of(syscall(425, 8, NULL));
}

Test(job_sandbox, has_no_way_around_system_calls)
{
	cr_assert_eq(attempts(makes_ring), EPERM);
}

/* ---- processes */

static int forks(const char *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return error_of(pid);
}

static int executes(const char *arg)
{
	return error_of(execl("/bin/true", "true", (char *)NULL));
}

static int traces(const char *arg)
{
	return error_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int kills_parent(const char *arg)
{
	return error_of(kill(getppid(), SIGUSR1));
}

static int limits_parent(const char *arg)
{
	const struct rlimit limit = { 0, 0 };

	return error_of(prlimit(getppid(), RLIMIT_CORE, &limit, NULL));
}

static int renices_parent(const char *arg)
{
	return error_of(setpriority(PRIO_PROCESS, (id_t)getppid(), 1));
}

static int renices_its_user(const char *arg)
{
	return error_of(setpriority(PRIO_USER, 0, 0));
}

static int delays_input_of_parent(const char *arg)
{
	/* IOPRIO_WHO_PROCESS; the best-effort class, at its lowest. */
	return error_of(syscall(SYS_ioprio_set, 1, getppid(), 2 << 13 | 7));
}

static int pins_parent(const char *arg)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	return error_of(sched_setaffinity(getppid(), sizeof(all), &all));
}

static int schedules_parent(const char *arg)
{
	struct sched_param param = { 0 };

	return error_of(sched_setscheduler(getppid(), SCHED_OTHER, &param));
}

static int sets_param_of_parent(const char *arg)
{
	struct sched_param param = { 0 };

	return error_of(sched_setparam(getppid(), &param));
}

static int sets_attr_of_parent(const char *arg)
{
	/* struct sched_attr as it was first; newer headers have it, and older ones have not. */
	uint32_t attr[12] = { sizeof(attr) };

	return error_of(syscall(SYS_sched_setattr, getppid(), attr, 0));
}

static int reads_memory_of_parent(const char *arg)
{
	static char here, there;
	struct iovec to = { &here, 1 }, from = { &there, 1 };

	return error_of(process_vm_readv(getppid(), &to, 1, &from, 1, 0));
}

static int writes_memory_of_parent(const char *arg)
{
	static char here, there;
	struct iovec from = { &here, 1 }, to = { &there, 1 };

	return error_of(process_vm_writev(getppid(), &from, 1, &to, 1, 0));
}

static int signals_a_thread_of_parent(const char *arg)
{
	return error_of(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int signals_any_thread(const char *arg)
{
	return error_of(syscall(SYS_tkill, getppid(), 0));
}

static int opens_parent(const char *arg)
{
	return error_of(syscall(SYS_pidfd_open, getppid(), 0));
}

static int has_parent_signalled(const char *arg)
{
	return error_of(fcntl(0, F_SETOWN, getppid()));
}

static int has_parent_signalled_by_ioctl(const char *arg)
{
	int owner = getppid();

	return error_of(ioctl(0, FIOSETOWN, &owner));
}

static int moves_memory_of_parent(const char *arg)
{
	return error_of(syscall(SYS_move_pages, getppid(), 0, NULL, NULL, NULL, 0));
}

static int shares_memory(const char *arg)
{
	return error_of(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
}

/* What others share needs no name: all have numbers, and small ones. */
static int removes_shared_memory(const char *arg)
{
	return error_of(shmctl(-1, IPC_RMID, NULL));
}

static int takes_a_message(const char *arg)
{
	long message[2] = { 0 };

	return error_of(msgrcv(-1, message, sizeof(long), 0, IPC_NOWAIT));
}

static int sends_a_message(const char *arg)
{
	long message[2] = { 1 };

	return error_of(msgsnd(-1, message, sizeof(long), IPC_NOWAIT));
}

static int removes_a_queue(const char *arg)
{
	return error_of(msgctl(-1, IPC_RMID, NULL));
}

static int gives_a_semaphore(const char *arg)
{
	struct sembuf give = { .sem_op = 1 };

	return error_of(semop(-1, &give, 1));
}

static int gives_a_semaphore_in_time(const char *arg)
{
	struct sembuf give = { .sem_op = 1 };
	struct timespec moment = { .tv_nsec = 1 };

	return error_of(semtimedop(-1, &give, 1, &moment));
}

static int sets_a_semaphore(const char *arg)
{
	return error_of(semctl(-1, 0, SETVAL, 1));
}

Test(job_sandbox, has_nothing_of_what_others_share)
{
	SKIP_ON_VALGRIND();
	cr_expect_eq(attempts(removes_shared_memory), EPERM);
	cr_expect_eq(attempts(takes_a_message), EPERM);
	cr_expect_eq(attempts(sends_a_message), EPERM);
	cr_expect_eq(attempts(removes_a_queue), EPERM);
	cr_expect_eq(attempts(gives_a_semaphore), EPERM);
	cr_expect_eq(attempts(gives_a_semaphore_in_time), EPERM);
	cr_expect_eq(attempts(sets_a_semaphore), EPERM);
}

Test(job_sandbox, changes_nothing_of_how_others_run)
{
	SKIP_ON_VALGRIND();
	cr_assert_eq(attempts(renices_parent), EPERM);
	cr_assert_eq(attempts(renices_its_user), EPERM);
	cr_assert_eq(attempts(delays_input_of_parent), EPERM);
	cr_assert_eq(attempts(pins_parent), EPERM);
	cr_assert_eq(attempts(schedules_parent), EPERM);
	cr_assert_eq(attempts(sets_param_of_parent), EPERM);
	cr_assert_eq(attempts(sets_attr_of_parent), EPERM);
	cr_assert_eq(attempts(moves_memory_of_parent), EPERM);
}

Test(job_sandbox, has_no_other_way_to_signal_others_or_to_see_their_memory)
{
	SKIP_ON_VALGRIND();
	cr_assert_eq(attempts(signals_a_thread_of_parent), EPERM);
	cr_assert_eq(attempts(signals_any_thread), EPERM);
	cr_assert_eq(attempts(opens_parent), EPERM);
	cr_assert_eq(attempts(has_parent_signalled), EPERM);
	cr_assert_eq(attempts(has_parent_signalled_by_ioctl), EPERM);
	cr_assert_eq(attempts(reads_memory_of_parent), EPERM);
	cr_assert_eq(attempts(writes_memory_of_parent), EPERM);
}

static int runs_as_it_likes(const char *arg)
{
	struct sched_param param = { 0 };
	cpu_set_t cpus;

	if (setpriority(PRIO_PROCESS, 0, 19) < 0 ||
	    setpriority(PRIO_PROCESS, (id_t)getpid(), 19) < 0)
		return error_of(-1);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ||
	    sched_setaffinity(0, sizeof(cpus), &cpus) < 0 ||
	    sched_setaffinity(getpid(), sizeof(cpus), &cpus) < 0)
		return error_of(-1);
	if (syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7) < 0)
		return error_of(-1);
	return error_of(sched_setscheduler(0, SCHED_BATCH, &param));
}

Test(job_sandbox, says_how_it_runs_itself)
{
	SKIP_ON_VALGRIND();
	cr_assert_eq(attempts(runs_as_it_likes), 0);
}

Test(job_sandbox, reaches_no_other_process)
{
	SKIP_ON_VALGRIND();
	cr_expect_eq(attempts(forks), EPERM);
	cr_expect_eq(attempts(executes), EPERM);
	cr_expect_eq(attempts(traces), EPERM);
	cr_expect_eq(attempts(kills_parent), EPERM);
	cr_expect_eq(attempts(limits_parent), EPERM);
	cr_expect_eq(attempts(shares_memory), EPERM);
}

/* ---- the system */

static int mounts(const char *arg)
{
	return error_of(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int unshares(const char *arg)
{
	return error_of(syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */));
}

static int calls_bpf(const char *arg)
{
	return error_of(syscall(SYS_bpf, 0, NULL, 0));
}

static int asks_for_keys(const char *arg)
{
	return error_of(syscall(SYS_keyctl, 0, -3, 0));
}

Test(job_sandbox, changes_nothing_about_the_system)
{
	cr_expect_eq(attempts(mounts), EPERM);
	cr_expect_eq(attempts(unshares), EPERM);
	cr_expect_eq(attempts(calls_bpf), EPERM);
	cr_expect_eq(attempts(asks_for_keys), EPERM);
}

/* ---- what is left */

static void *be_a_thread(void *arg)
{
	*(int *)arg = 7;
	return NULL;
}

static int starts_thread(const char *arg)
{
	pthread_t thread;
	int seven = 0, r;

	r = pthread_create(&thread, NULL, be_a_thread, &seven);
	if (r == 0)
		r = pthread_join(thread, NULL);
	return r ? r : seven != 7;
}

static int makes_memfd(const char *arg)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, "x", 1) != 1)
		return errno;
	return error_of(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
}

static int signals_itself(const char *arg)
{
	(void)signal(SIGUSR1, SIG_IGN);
	return raise(SIGUSR1) == 0 ? error_of(kill(getpid(), SIGUSR1)) : errno;
}

Test(job_sandbox, can_do_what_a_job_needs)
{
	SKIP_ON_VALGRIND();
	cr_expect_eq(attempts(starts_thread), 0);
	cr_expect_eq(attempts(makes_memfd), 0);
	cr_expect_eq(attempts(signals_itself), 0);
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		(void)pause();
	return NULL;
}

Test(job_sandbox, refuses_threads_that_would_be_outside)
{
	struct buf words = { 0 };
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(job_sandbox_enter(NULL, 0, &words), -EBUSY);
	cr_assert_gt(words.len, 0u);
	buf_done(&words);
}
