/*
 * job_sandbox.c - see job_sandbox.h. The list of system calls is of what a job is
 * not to do; all others are allowed. Each of the denied ones reaches something
 * outside, and Landlock alone would let it: a socket, another process, another
 * name space, a file's owner or mode, the kernel itself.
 */
#include "daemon/job_sandbox.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

/* ---- files: Landlock, by numbers that older headers do not have */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* As the kernel has it by now: it takes the sizes it knew earlier, too. */
struct ruleset {
	uint64_t fs, net, scoped;
};

#define FS_ABI_1 (((uint64_t)1 << 13) - 1)
#define FS_REFER ((uint64_t)1 << 13)	 /* ABI 2 */
#define FS_TRUNCATE ((uint64_t)1 << 14)	 /* ABI 3 */
#define NET_TCP ((uint64_t)3)		 /* ABI 4: bind and connect */
#define FS_IOCTL_DEV ((uint64_t)1 << 15) /* ABI 5 */
#define SCOPE_ALL ((uint64_t)3)		 /* ABI 6: abstract Unix sockets, signals */

static struct ruleset ruleset_for(int abi)
{
	struct ruleset r = { .fs = FS_ABI_1 };

	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_TCP;
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ALL;
	return r;
}

static int open_ruleset(struct buf *words)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset ruleset;
	size_t size;
	long fd;

	if (abi < 1) {
		buf_say(words, "sandbox: this kernel has no Landlock, which it needs: Linux 5.13 "
			       "or later, "
			       "with \"landlock\" in its lsm= parameter");
		return -ENOTSUP;
	}
	ruleset = ruleset_for((int)abi);
	size = abi >= 6 ? sizeof(ruleset) : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
	fd = syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
	if (fd >= 0)
		return (int)fd;
	buf_say(words, "sandbox: cannot make rules about files: %s", strerror(errno));
	return -errno;
}

static int allow_reading(int ruleset_fd, const char *path, struct buf *words)
{
	_cleanup_(close_fdp) int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = fd,
	};
	struct stat st;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISDIR(st.st_mode))
		rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
	if (r == 0 &&
	    syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		r = -errno;
	if (r < 0)
		buf_say(words, "sandbox_paths: %s: %s", path, strerror(-r));
	return r;
}

static int restrict_files(const char *const *paths, size_t n_paths, struct buf *words)
{
	_cleanup_(close_fdp) int fd = open_ruleset(words);
	int r;

	if (fd < 0)
		return fd;
	r = allow_reading(fd, "/proc/self", words);
	for (size_t i = 0; i < n_paths && r == 0; i++)
		r = allow_reading(fd, paths[i], words);
	if (r < 0)
		return r;
	if (syscall(SYS_landlock_restrict_self, fd, 0) == 0)
		return 0;
	buf_say(words, "sandbox: Landlock: %s", strerror(errno));
	return -errno;
}

/* ---- system calls: seccomp */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0 /* not known: there is no sandbox */
#endif

/* Of those that are younger than some headers; all architectures have the same number. */
enum {
	NR_pidfd_send_signal = 424,
	NR_io_uring_setup = 425,
	NR_io_uring_enter = 426,
	NR_io_uring_register = 427,
	NR_open_tree = 428,
	NR_move_mount = 429,
	NR_fsopen = 430,
	NR_fsconfig = 431,
	NR_fsmount = 432,
	NR_fspick = 433,
	NR_pidfd_open = 434,
	NR_clone3 = 435,
	NR_openat2 = 437,
	NR_pidfd_getfd = 438,
	NR_process_madvise = 440,
	NR_mount_setattr = 442,
	NR_quotactl_fd = 443,
	NR_process_mrelease = 448,
	NR_fchmodat2 = 452,
	NR_setxattrat = 463,
	NR_removexattrat = 466,
	NR_open_tree_attr = 467,
	NR_file_setattr = 469,
};

static const uint32_t denied[] = {
	/* The network, and what opens sockets without a system call. */
	SYS_socket,
	NR_io_uring_setup,
	NR_io_uring_enter,
	NR_io_uring_register,
	/* Programs. */
	SYS_execve,
	SYS_execveat,
#ifdef SYS_fork
	SYS_fork,
	SYS_vfork,
#endif
	/* Other processes, and what they share. */
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_tkill,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
	NR_pidfd_open,
	NR_pidfd_getfd,
	NR_pidfd_send_signal,
	NR_process_madvise,
	NR_process_mrelease,
	SYS_shmget,
	SYS_shmat,
	SYS_shmctl,
	SYS_msgget,
	SYS_msgsnd,
	SYS_msgrcv,
	SYS_msgctl,
	SYS_semget,
	SYS_semop,
	SYS_semtimedop,
	SYS_semctl,
	SYS_mq_open,
	SYS_mq_unlink,
	/* What a file is, beside its bytes: Landlock does not look at that. */
	SYS_fchmod,
	SYS_fchmodat,
	NR_fchmodat2,
	SYS_fchown,
	SYS_fchownat,
	SYS_utimensat,
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_fsetxattr,
	SYS_removexattr,
	SYS_lremovexattr,
	SYS_fremovexattr,
	NR_setxattrat,
	NR_removexattrat,
	NR_file_setattr,
#ifdef SYS_chmod
	SYS_chmod,
	SYS_chown,
	SYS_lchown,
	SYS_utime,
	SYS_utimes,
	SYS_futimesat,
#endif
	/* Other views of the system. */
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_unshare,
	SYS_setns,
	NR_open_tree,
	NR_open_tree_attr,
	NR_move_mount,
	NR_fsopen,
	NR_fsconfig,
	NR_fsmount,
	NR_fspick,
	NR_mount_setattr,
	SYS_name_to_handle_at,
	SYS_open_by_handle_at,
	SYS_fanotify_init,
	/* The kernel, and the machine. */
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_acct,
	SYS_quotactl,
	NR_quotactl_fd,
	SYS_syslog,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_adjtimex,
	SYS_clock_adjtime,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_personality,
	SYS_vhangup,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
#endif
};

/*
 * Calls whose second argument says what they do. Typing into the terminal that standard error may be,
 * attributes of files that can be read, and the kernel's signals to whoever is said to own a descriptor.
 */
static const struct {
	uint32_t nr, what;
} denied_actions[] = {
	{ SYS_ioctl, TIOCSTI },
	{ SYS_ioctl, TIOCLINUX },
	{ SYS_ioctl, (uint32_t)FS_IOC_SETFLAGS },
	{ SYS_ioctl, (uint32_t)FS_IOC_FSSETXATTR },
	{ SYS_ioctl, (uint32_t)FS_IOC_SETVERSION },
	{ SYS_ioctl, (uint32_t)FS_IOC_ENABLE_VERITY },
	{ SYS_ioctl, (uint32_t)FS_IOC_SET_ENCRYPTION_POLICY },
	{ SYS_ioctl, FIOSETOWN },
	{ SYS_ioctl, SIOCSPGRP },
	{ SYS_fcntl, F_SETOWN },
	{ SYS_fcntl, F_SETOWN_EX },
};

/*
 * Calls whose first argument is a process or a thread, 0 the one that calls. A job's own threads beside the
 * first are others here: a filter cannot know their numbers.
 */
static const uint32_t own_only[] = {
	SYS_kill,
	SYS_tgkill,
	SYS_prlimit64,
	SYS_sched_setaffinity,
	SYS_sched_setscheduler,
	SYS_sched_setparam,
	SYS_sched_setattr,
	SYS_migrate_pages,
	SYS_move_pages,
};

/* Of ioprio_set(2), which has no header of its own. */
#define IOPRIO_PROCESS 1

struct filter {
	struct sock_filter code[2 * ARRAY_LEN(denied) + 5 * ARRAY_LEN(denied_actions) + 160];
	unsigned short n;
};

static void add(struct filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	assert(f->n < ARRAY_LEN(f->code));
	f->code[f->n++] = (struct sock_filter){ code, jt, jf, k };
}

#define LOAD (BPF_LD | BPF_W | BPF_ABS)
#define IF_EQUAL (BPF_JMP | BPF_JEQ | BPF_K)
#define IF_ANY_BIT (BPF_JMP | BPF_JSET | BPF_K)
#define RETURN (BPF_RET | BPF_K)
#define DENY(error) (SECCOMP_RET_ERRNO | (error))
/* The lower half of an argument: both architectures have it first. */
#define ARGUMENT(i) ((uint32_t)offsetof(struct seccomp_data, args[i]))

/* Tests of this call's arguments follow: so many instructions. */
static void for_call(struct filter *f, uint32_t nr, uint8_t n_instructions)
{
	add(f, LOAD, 0, 0, (uint32_t)offsetof(struct seccomp_data, nr));
	add(f, IF_EQUAL, 0, n_instructions, nr);
}

static void deny(struct filter *f, uint32_t nr, uint32_t error)
{
	add(f, IF_EQUAL, 0, 1, nr);
	add(f, RETURN, 0, 0, DENY(error));
}

/* With any of these bits in that argument. */
static void deny_bits(struct filter *f, uint32_t nr, unsigned i, uint32_t bits, uint32_t error)
{
	for_call(f, nr, 3);
	add(f, LOAD, 0, 0, ARGUMENT(i));
	add(f, IF_ANY_BIT, 0, 1, bits);
	add(f, RETURN, 0, 0, DENY(error));
}

/*
 * Landlock knows nothing of it before Linux 6.2: who may read a file may open it with O_TRUNC, and
 * truncate(2) needs not even that. The flags of openat2() cannot be seen.
 */
static void deny_cutting(struct filter *f)
{
	deny(f, SYS_truncate, EACCES);
	deny(f, NR_openat2, ENOSYS);
	deny_bits(f, SYS_openat, 2, O_TRUNC, EACCES);
#ifdef SYS_open
	deny_bits(f, SYS_open, 1, O_TRUNC, EACCES);
#endif
}

/* Four more of that call: it is allowed if its argument i is this process. */
static void allow_self(struct filter *f, unsigned i)
{
	add(f, LOAD, 0, 0, ARGUMENT(i));
	add(f, IF_EQUAL, 1, 0, (uint32_t)getpid());
	add(f, IF_EQUAL, 0, 1, 0);
	add(f, RETURN, 0, 0, SECCOMP_RET_ALLOW);
}

/* Whatever has not been allowed; behind for_call(), which goes here for other calls. */
static void deny_others(struct filter *f, uint32_t nr)
{
	add(f, LOAD, 0, 0, (uint32_t)offsetof(struct seccomp_data, nr));
	deny(f, nr, EPERM);
}

/* Its first argument is a process: only this one. */
static void only_self(struct filter *f, uint32_t nr)
{
	for_call(f, nr, 4);
	allow_self(f, 0);
	deny_others(f, nr);
}

/* Its first argument says whose number the second is: only a process's, and only this one's. */
static void only_self_as(struct filter *f, uint32_t nr, uint32_t process)
{
	for_call(f, nr, 6);
	add(f, LOAD, 0, 0, ARGUMENT(0));
	add(f, IF_EQUAL, 0, 4, process);
	allow_self(f, 1);
	deny_others(f, nr);
}

static void build(struct filter *f)
{
	/* Another architecture's calls have other numbers. */
	add(f, LOAD, 0, 0, (uint32_t)offsetof(struct seccomp_data, arch));
	add(f, IF_EQUAL, 1, 0, ARCH);
	add(f, RETURN, 0, 0, SECCOMP_RET_KILL_PROCESS);
	add(f, LOAD, 0, 0, (uint32_t)offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	add(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000); /* x32 */
	add(f, RETURN, 0, 0, DENY(ENOSYS));
#endif
	for (size_t i = 0; i < ARRAY_LEN(denied); i++)
		deny(f, denied[i], EPERM);
	/* Its flags cannot be seen; who gets this uses clone(). */
	deny(f, NR_clone3, ENOSYS);
	deny_cutting(f);
	for (size_t i = 0; i < ARRAY_LEN(own_only); i++)
		only_self(f, own_only[i]);
	only_self_as(f, SYS_setpriority, PRIO_PROCESS);
	only_self_as(f, SYS_ioprio_set, IOPRIO_PROCESS);
	/* Threads only. */
	for_call(f, SYS_clone, 3);
	add(f, LOAD, 0, 0, ARGUMENT(0));
	add(f, IF_ANY_BIT, 1, 0, CLONE_THREAD);
	add(f, RETURN, 0, 0, DENY(EPERM));
	for (size_t i = 0; i < ARRAY_LEN(denied_actions); i++) {
		for_call(f, denied_actions[i].nr, 3);
		add(f, LOAD, 0, 0, ARGUMENT(1));
		add(f, IF_EQUAL, 0, 1, denied_actions[i].what);
		add(f, RETURN, 0, 0, DENY(EPERM));
	}
	add(f, RETURN, 0, 0, SECCOMP_RET_ALLOW);
}

static int restrict_calls(struct buf *words)
{
	struct filter filter = { .n = 0 };
	struct sock_fprog program = { .filter = filter.code };

	build(&filter);
	program.len = filter.n;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return 0;
	buf_say(words, "sandbox: this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER): %s",
		strerror(errno));
	return -ENOTSUP;
}

/* ---- */

static unsigned count_threads(void)
{
	DIR *threads = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned n = 0;

	while (threads && (entry = readdir(threads)))
		n += entry->d_name[0] != '.';
	if (threads)
		(void)closedir(threads);
	return n;
}

int job_sandbox_enter(const char *const *paths, size_t n_paths, struct buf *reterr_words)
{
	int r;

	if (ARCH == 0) {
		buf_say(reterr_words, "sandbox: it is not made for this processor");
		return -ENOTSUP;
	}
	/* Landlock holds the thread that calls it, and those that this one starts. */
	if (count_threads() != 1) {
		buf_say(reterr_words, "sandbox: a module has started threads when it was loaded, "
				      "which would be outside");
		return -EBUSY;
	}
	r = restrict_files(paths, n_paths, reterr_words);
	if (r < 0)
		return r;
	return restrict_calls(reterr_words);
}
