/* SPDX-License-Identifier: BSD-3-Clause */
/* rte_intr_instance_alloc() and its like: experimental in 22.11, and the only way to a handle. */
#define ALLOW_EXPERIMENTAL_API
#include "drivers/ethdev/interrupt_gate.h"
#include <dirent.h>
#include <dps/assert.h>
#include <errno.h>
#include <poll.h>
#include <rte_interrupts.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	SIDES_MAX = 128,
	PLUGS_MAX = 64,
	/* Without /proc the thread looks round this often instead of being told. */
	BLIND_WAIT_MS = 2,
	OPEN_WAIT_MS = 2000,
	HOLD_WAIT_MS = 500,
};

/* Everything but is_wanted belongs to the main thread (writer) and the interrupt thread. */
_Atomic uint32_t dps_gate_is_wanted;
static struct dps_gate_side *_Atomic sides[SIDES_MAX];
static _Atomic uint64_t rounds;
static _Atomic uint32_t is_over; /* the thread is to be held */
static _Atomic uint32_t is_held; /* writer: the interrupt thread */
static int gate_fd = -1;
static int nudge_fd = -1;
/* The interrupt thread's: what it put where a descriptor may have been closed too early. */
static struct {
	int fd;
	uint64_t round;
} plugs[PLUGS_MAX];
static unsigned int plugs_count;

static void nap(void)
{
	const struct timespec briefly = { .tv_nsec = 5000 };

	nanosleep(&briefly, NULL);
}

void dps_gate_wait(struct dps_gate_side *side)
{
	do {
		atomic_store_explicit(&side->is_inside, 0, memory_order_release);
		while (atomic_load_explicit(&dps_gate_is_wanted, memory_order_acquire) != 0)
			sched_yield();
		atomic_store_explicit(&side->is_inside, 1, memory_order_seq_cst);
	} while (atomic_load_explicit(&dps_gate_is_wanted, memory_order_seq_cst) != 0);
}

static void take_turn(void)
{
	atomic_store_explicit(&dps_gate_is_wanted, 1, memory_order_seq_cst);
	for (unsigned int i = 0; i < SIDES_MAX; i++) {
		struct dps_gate_side *side;

		while ((side = atomic_load(&sides[i])) != NULL &&
		       atomic_load_explicit(&side->is_inside, memory_order_seq_cst) != 0)
			nap();
	}
}

static void give_turn(void)
{
	/* release: pairs with the acquire in dps_gate_wait() */
	atomic_store_explicit(&dps_gate_is_wanted, 0, memory_order_release);
}

static bool is_listed(int fd, FILE *list)
{
	char line[128];
	int listed;

	rewind(list);
	while (fgets(line, sizeof(line), list) != NULL)
		if (sscanf(line, "tfd: %d", &listed) == 1 && listed == fd)
			return true;
	return false;
}

/* What the epoll instance fd watches, if it watches the gate; else NULL. */
static FILE *open_list(const char *fd)
{
	char path[64], link[32];
	ssize_t length;
	FILE *list;

	snprintf(path, sizeof(path), "/proc/self/fd/%.16s", fd);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return NULL;
	link[length] = '\0';
	if (strcmp(link, "anon_inode:[eventpoll]") != 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%.16s", fd);
	list = fopen(path, "re");
	if (list != NULL && is_listed(gate_fd, list))
		return list;
	if (list != NULL)
		fclose(list);
	return NULL;
}

/* EAL keeps its epoll descriptor to itself and replaces it whenever a callback comes or goes. */
static int find_epoll(FILE **list)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	int fd = -1;

	*list = NULL;
	if (folder == NULL)
		return -1;
	while (*list == NULL && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		*list = open_list(entry->d_name);
		fd = atoi(entry->d_name);
	}
	closedir(folder);
	return *list != NULL ? fd : -1;
}

/*
 * On the interrupt thread, after net_memif's own callback for the same listening descriptor. If
 * that closed a descriptor which EAL still lists, its number is the lowest free one now.
 */
static void on_client(void *context)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)context;
	/* One too many does no harm. */
	if (plugs_count == PLUGS_MAX)
		return;
	plugs[plugs_count].fd = fd;
	plugs[plugs_count++].round = atomic_load(&rounds);
}

/*
 * EAL has collected its descriptors anew by the second round after a client came. A plug that it
 * took up stays for good, in the place of the callback that will never be called; others go.
 */
static void settle_plugs(FILE *list)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < plugs_count; i++) {
		if (atomic_load(&rounds) < plugs[i].round + 2)
			plugs[kept++] = plugs[i];
		else if (!is_listed(plugs[i].fd, list))
			close(plugs[i].fd);
	}
	plugs_count = kept;
}

/* What EAL would do next is never done: see dps_gate_close(). */
static void hold(void)
{
	atomic_store(&is_held, 1);
	for (;;)
		pause();
}

/* On the interrupt thread. */
static void on_gate(void *context)
{
	struct pollfd others = { .events = POLLIN };
	eventfd_t value;
	FILE *list;

	(void)context;
	/* Drained, so that what makes EAL's epoll descriptor readable is someone else's. */
	eventfd_read(gate_fd, &value);
	others.fd = find_epoll(&list);
	if (list != NULL) {
		settle_plugs(list);
		fclose(list);
	}
	give_turn();
	atomic_fetch_add(&rounds, 1);
	if (others.fd < 0)
		poll(NULL, 0, BLIND_WAIT_MS);
	while (others.fd >= 0 && poll(&others, 1, -1) < 0 && errno == EINTR)
		;
	if (atomic_load(&is_over))
		hold();
	take_turn();
	eventfd_write(gate_fd, 1);
}

static void on_nudge(void *context)
{
	eventfd_t value;

	(void)context;
	eventfd_read(nudge_fd, &value);
}

/* EAL copies the handle. Returns 0 or -errno. */
static int add_callback(int fd, rte_intr_callback_fn on_event)
{
	struct rte_intr_handle *handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	int err = -ENOMEM;

	if (handle != NULL && rte_intr_fd_set(handle, fd) == 0 &&
	    rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT) == 0)
		err = rte_intr_callback_register(handle, on_event, NULL);
	rte_intr_instance_free(handle);
	return err < 0 ? err : 0;
}

/* Once for each. */
static int watch(int *fd, unsigned int value, rte_intr_callback_fn on_event)
{
	int err;

	if (*fd >= 0)
		return 0;
	*fd = eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*fd < 0)
		return -errno;
	err = add_callback(*fd, on_event);
	if (err != 0) {
		close(*fd);
		*fd = -1;
	}
	return err;
}

/* What is registered stays: EAL may be inside it, and the process needs only one gate. */
int dps_gate_open(char *why, size_t why_bytes)
{
	int err = watch(&nudge_fd, 0, on_nudge);

	if (err == 0 && gate_fd < 0) {
		atomic_store(&dps_gate_is_wanted, 1);
		err = watch(&gate_fd, 1, on_gate);
	}
	if (err != 0) {
		atomic_store(&dps_gate_is_wanted, 0);
		snprintf(why, why_bytes, "DPDK took no interrupt callback: %s.", strerror(-err));
		return err;
	}
	for (unsigned int ms = 0; atomic_load(&rounds) == 0; ms++) {
		if (ms == OPEN_WAIT_MS) {
			snprintf(why, why_bytes, "DPDK's interrupt thread does not run.");
			return -ETIMEDOUT;
		}
		poll(NULL, 0, 1);
	}
	return 0;
}

/* The descriptor of this process that listens on path, or -1. */
static int find_listener(const char *path)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = -1;

	if (folder == NULL)
		return -1;
	while (found < 0 && (entry = readdir(folder)) != NULL) {
		struct sockaddr_un address = { 0 };
		socklen_t bytes = sizeof(address) - 1;
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' &&
		    getsockname(fd, (struct sockaddr *)&address, &bytes) == 0 &&
		    address.sun_family == AF_UNIX && strcmp(address.sun_path, path) == 0)
			found = fd;
	}
	closedir(folder);
	return found;
}

int dps_gate_watch_clients(const char *path)
{
	int fd = find_listener(path);

	return fd >= 0 ? add_callback(fd, on_client) : -ENOENT;
}

uint64_t dps_gate_nudge(void)
{
	uint64_t now = atomic_load(&rounds);

	eventfd_write(nudge_fd, 1);
	return now + 1;
}

void dps_gate_close(void)
{
	if (gate_fd < 0 || nudge_fd < 0)
		return;
	atomic_store(&is_over, 1);
	eventfd_write(nudge_fd, 1);
	for (unsigned int ms = 0; atomic_load(&is_held) == 0 && ms < HOLD_WAIT_MS; ms++)
		poll(NULL, 0, 1);
}

void dps_gate_add(struct dps_gate_side *side)
{
	unsigned int i = 0;

	atomic_store(&side->is_inside, 0);
	while (i < SIDES_MAX && atomic_load(&sides[i]) != NULL)
		i++;
	DPS_ASSERT(i < SIDES_MAX);
	atomic_store(&sides[i], side);
}

void dps_gate_remove(struct dps_gate_side *side)
{
	for (unsigned int i = 0; i < SIDES_MAX; i++)
		if (atomic_load(&sides[i]) == side)
			atomic_store(&sides[i], NULL);
	/* A turn that began earlier may still look at it. */
	while (atomic_load(&dps_gate_is_wanted) != 0)
		sched_yield();
}

uint64_t dps_gate_rounds(void)
{
	return atomic_load(&rounds);
}
