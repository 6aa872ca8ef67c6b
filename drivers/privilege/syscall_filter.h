/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System call filter: the calling thread can make those system calls alone that its work needs
 * (seccomp(2)). One that it cannot make is not made: a sentence with its name goes to stderr, and
 * the process ends by SIGSYS. Whoever made this thread do what it never does gets no second try,
 * and a transfer survives the end of a process anyway.
 */
#pragma once

/* What a thread does; or them together. */
enum dps_syscalls {
	DPS_SYSCALLS_STORE = 1 << 0, /* files, SQLite's too; memory, time, waking others, its end */
	DPS_SYSCALLS_CONTROL = 1 << 1, /* that, TCP, epoll, signals, and closing ports */
	DPS_SYSCALLS_CHILD = 1 << 2,   /* ends a process that was started, and takes its exit */
	DPS_SYSCALLS_DEVICE = 1 << 3,  /* what a DPDK driver may need besides to close its device */
};

/*
 * Before it, once, from any thread but not from two at once, for what is said of a call that is not
 * allowed. The names are looked up now, for a signal's handler cannot. Returns 0 or -errno.
 */
int dps_syscall_filter_init(void);

/*
 * From now on, and for threads that this one begins, for good; sets no_new_privs on this thread.
 * Returns 0, or -errno where the kernel, or a sandbox around us, has no filters: nothing is changed
 * then.
 */
int dps_syscall_filter_load(unsigned int syscalls);
