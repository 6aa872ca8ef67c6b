/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each family is there whole, older and newer forms of a call side by side: which of them a C
 * library takes changes with its version. What one list has another does not repeat.
 */
#include "drivers/privilege/syscall_lists.h"
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Of what the kernel takes as 32 bits, others would be a way around. */
#define LOW UINT32_MAX

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* newer C libraries name their memory */
#endif

/* TCGETS2, whose own header does not get on with the C library's. */
#define NEWER_TCGETS 0x802c542a

static const char store[] =
	/* Open files: what was read and written, and is to last. */
	"read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek "
	"fsync fdatasync syncfs sync_file_range ftruncate fallocate fadvise64 readahead "
	"copy_file_range close close_range dup dup2 dup3 fcntl flock "
	/* Files by name. */
	"open openat openat2 stat lstat fstat newfstatat statx statfs fstatfs access "
	"faccessat faccessat2 readlink readlinkat getdents getdents64 mkdir mkdirat "
	"rmdir unlink unlinkat rename renameat renameat2 link linkat utimensat chmod "
	"fchmod fchmodat fchown umask getcwd fgetxattr "
	/* Memory. */
	"munmap mremap madvise mincore msync brk mlock mlock2 munlock "
	/* Time, chance, and who we are. */
	"clock_gettime clock_getres gettimeofday time nanosleep clock_nanosleep "
	"getrandom getpid gettid getppid getuid geteuid getgid getegid uname sysinfo "
	"getrusage getrlimit getcpu sched_getaffinity sched_yield "
	/* Other threads, and the end. */
	"futex futex_waitv membarrier rseq set_robust_list get_robust_list poll ppoll "
	"select pselect6 rt_sigprocmask rt_sigreturn sigaltstack restart_syscall exit "
	"exit_group";

static const struct dps_syscall_rule store_rules[] = {
	/* No memory becomes code. */
	{ SCMP_SYS(mmap), 1, { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } } },
	{ SCMP_SYS(mprotect), 1, { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } } },
	/* Limits are read, not set. */
	{ SCMP_SYS(prlimit64), 1, { { 2, SCMP_CMP_EQ, 0, 0 } } },
	{ SCMP_SYS(prctl), 1, { { 0, SCMP_CMP_EQ, PR_SET_VMA, 0 } } },
	/* For abort(). Who answers for a forbidden call stays who it is. */
	{ SCMP_SYS(rt_sigaction), 1, { { 0, SCMP_CMP_MASKED_EQ, LOW, SIGABRT } } },
};

static const char control[] = DPS_SYSCALLS_SANITIZERS
	"epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2 signalfd4 "
	"timerfd_create timerfd_settime timerfd_gettime pipe pipe2 rt_sigpending "
	"rt_sigtimedwait "
	/* Sockets, of the families below. */
	"connect accept accept4 bind getsockname getpeername getsockopt setsockopt "
	"sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg shutdown "
	/* DPDK's heap, which may grow and shrink when ports close. */
	"memfd_create mbind get_mempolicy set_mempolicy "
	/* Rings that the lanes' disks used are closed here. */
	"io_uring_enter io_uring_register";

static const struct dps_syscall_rule control_rules[] = {
	{ SCMP_SYS(socket), 1, { { 0, SCMP_CMP_EQ, AF_INET, 0 } } },
	{ SCMP_SYS(socket), 1, { { 0, SCMP_CMP_EQ, AF_INET6, 0 } } },
	/* Addresses and links of this machine. */
	{ SCMP_SYS(socket), 1, { { 0, SCMP_CMP_EQ, AF_NETLINK, 0 } } },
	/* What a link-local address's interface is called. */
	{ SCMP_SYS(socket),
	  2,
	  { { 0, SCMP_CMP_EQ, AF_UNIX, 0 },
	    { 1, SCMP_CMP_MASKED_EQ, LOW & ~(SOCK_CLOEXEC | SOCK_NONBLOCK), SOCK_DGRAM } } },
	{ SCMP_SYS(ioctl), 1, { { 1, SCMP_CMP_MASKED_EQ, LOW, SIOCGIFNAME } } },
	/* Whether it is a terminal, and how wide. */
	{ SCMP_SYS(ioctl), 1, { { 1, SCMP_CMP_MASKED_EQ, LOW, TCGETS } } },
	{ SCMP_SYS(ioctl), 1, { { 1, SCMP_CMP_MASKED_EQ, LOW, NEWER_TCGETS } } },
	{ SCMP_SYS(ioctl), 1, { { 1, SCMP_CMP_MASKED_EQ, LOW, TIOCGWINSZ } } },
};

static const char child[] = "kill waitid wait4 pidfd_send_signal";

/* An XDP program is taken off its interface; what a NIC's driver asks of the kernel is its own. */
static const char device[] = "bpf ioctl";

const struct dps_syscall_list dps_syscalls_store = {
	.names = store,
	.rules = store_rules,
	.rules_count = sizeof(store_rules) / sizeof(store_rules[0]),
};
const struct dps_syscall_list dps_syscalls_control = {
	.names = control,
	.rules = control_rules,
	.rules_count = sizeof(control_rules) / sizeof(control_rules[0]),
};
const struct dps_syscall_list dps_syscalls_child = {
	.names = child,
};
const struct dps_syscall_list dps_syscalls_device = {
	.names = device,
};
