/* SPDX-License-Identifier: BSD-3-Clause */
/* Syscall lists: which system calls belong to which work, for drivers/privilege/syscall_filter.h.
 */
#pragma once
#include <seccomp.h>

/* A call that is allowed where its arguments, one or two, are so. */
struct dps_syscall_rule {
	int number;
	unsigned int count;
	struct scmp_arg_cmp arguments[2];
};

struct dps_syscall_list {
	const char *names; /* with any arguments; a space between two */
	const struct dps_syscall_rule *rules;
	unsigned int rules_count;
};

/* In a build with sanitizers: who looks for leaks at the end stops all threads, from a process. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DPS_SYSCALLS_SANITIZERS "clone ptrace prctl wait4 rt_sigaction kill "
#else
#define DPS_SYSCALLS_SANITIZERS ""
#endif

extern const struct dps_syscall_list dps_syscalls_store, dps_syscalls_control, dps_syscalls_child,
	dps_syscalls_device;
