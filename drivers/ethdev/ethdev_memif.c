/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memif: a shared-memory link between two processes. The server listens on a socket and serves
 * one client after another by itself. net_memif's client tries once, at rte_eth_dev_start(), and
 * never again: here it is stopped and started until its server is there.
 */
#include "drivers/ethdev/ethdev_private.h"
#include "drivers/ethdev/heap_file.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	TRY_EVERY_MS = 20,
	/*
	 * From connect() to the link: a few messages, unless the server is stopped or has a client
	 * already. Who gives up early is one of those that 22.11's server dies of.
	 */
	HELLO_MS = 10000,
	/* A server gives up its name and is gone soon after: who is still in its queue stays there.
	 */
	GONE_MS = 1000,
	WITHDRAW_MS = 500,
};

/*
 * -ECONNREFUSED: nobody has the socket. A socket of another type than memif's is turned away before
 * it gets into the queue: no server is bothered (22.11 dies of a client that leaves too early).
 */
static int try_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "%.107s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		err = -errno;
	close(fd);
	return err;
}

int ethdev_memif_check_socket(const struct dps_port_name *name, char *why, size_t why_bytes)
{
	struct stat status;
	int err;

	if (lstat(name->what, &status) != 0) {
		if (errno == ENOENT)
			return 0;
		err = -errno;
		snprintf(why, why_bytes, "%s: cannot look at the socket (%s).", name->text,
			 strerror(-err));
		return err;
	}
	if (S_ISSOCK(status.st_mode))
		return 0;
	snprintf(why, why_bytes,
		 "%s: \"%s\" is there and is no socket: move it away or choose another name.",
		 name->text, name->what);
	return -EEXIST;
}

int ethdev_memif_clear_socket(const struct dps_port_name *name, char *why, size_t why_bytes)
{
	int err = try_connect(name->what);

	if (err == -ENOENT)
		return 0;
	if (err == -ECONNREFUSED && unlink(name->what) == 0)
		return 0;
	if (err == 0 || err == -EPROTOTYPE) {
		snprintf(why, why_bytes,
			 "%s: another process listens on this socket: stop it or choose another "
			 "name.",
			 name->text);
		return -EADDRINUSE;
	}
	snprintf(why, why_bytes, "%s: cannot clear the socket that an earlier run left (%s).",
		 name->text, strerror(err != -ECONNREFUSED ? -err : errno));
	return err;
}

int ethdev_memif_check_folder(const struct dps_port_name *name, char *why, size_t why_bytes)
{
	char folder[DPS_PORT_NAME_BYTES];
	char *slash;

	memcpy(folder, name->what, sizeof(folder));
	slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	if (access(folder, R_OK | W_OK | X_OK) == 0)
		return 0;
	snprintf(why, why_bytes,
		 "%s: cannot use the folder \"%s\" (%s): create it, or choose one "
		 "of yours.",
		 name->text, folder, strerror(errno));
	return -errno;
}

int ethdev_memif_name_socket(struct ethdev *ethdev, char *why, size_t why_bytes)
{
	struct dps_port_name name = ethdev->name;
	size_t length = strlen(name.what);
	int err;

	if (ethdev->is_server && length + 1 < sizeof(((struct sockaddr_un *)0)->sun_path)) {
		name.what[length] = '~';
		name.what[length + 1] = '\0';
		err = ethdev_memif_clear_socket(&name, why, why_bytes);
		if (err != 0)
			return err;
	}
	memcpy(ethdev->memif_socket, name.what, sizeof(ethdev->memif_socket));
	return 0;
}

int ethdev_memif_publish(struct ethdev *ethdev, char *why, size_t why_bytes)
{
	int err;

	if (strcmp(ethdev->memif_socket, ethdev->name.what) == 0)
		return 0;
	if (renameat2(AT_FDCWD, ethdev->memif_socket, AT_FDCWD, ethdev->name.what,
		      RENAME_NOREPLACE) == 0) {
		memcpy(ethdev->memif_socket, ethdev->name.what, sizeof(ethdev->memif_socket));
		return 0;
	}
	err = -errno;
	snprintf(why, why_bytes,
		 "%s: the socket cannot get its name (%s): stop whoever else has it or choose "
		 "another.",
		 ethdev->name.text, strerror(-err));
	return err;
}

/*
 * net_memif forgets its listening descriptor on close, but leaves a callback for it that points
 * to freed memory: nobody may be in the queue of that descriptor then.
 */
void ethdev_memif_withdraw(struct ethdev *ethdev)
{
	uint64_t round;

	unlink(ethdev->memif_socket);
	round = dps_gate_nudge();
	for (unsigned int ms = 0; dps_gate_rounds() < round && ms < WITHDRAW_MS; ms++)
		poll(NULL, 0, 1);
}

/* When all other lanes keep out; until then it is asked for again. */
static void stop(struct ethdev *ethdev)
{
	ethdev_ask_out(ethdev);
	ethdev->search = ETHDEV_SEARCH_QUIET;
	if (!ethdev_are_others_out(ethdev))
		return;
	ethdev_enter(ethdev);
	if (ethdev->is_started)
		rte_eth_dev_stop(ethdev->id);
	ethdev_leave(ethdev);
	ethdev->is_started = false;
	ethdev->search_round = dps_gate_nudge();
	ethdev->search = ETHDEV_SEARCH_ROUND;
}

/* Inside the gate: it is the interrupt thread that closes them. */
static bool restore_heap(const struct ethdev *ethdev)
{
	return !ethdev->is_zero_copy || dps_heap_file_restore() == 0;
}

/* Tells one server's socket file from the next one's; 0: there is none. */
static uint64_t mark_of_server(const struct ethdev *ethdev)
{
	struct stat status;

	if (lstat(ethdev->name.what, &status) != 0)
		return 0;
	return (uint64_t)status.st_ino ^ (uint64_t)status.st_ctim.tv_sec * DPS_NS_PER_S ^
	       (uint64_t)status.st_ctim.tv_nsec;
}

/* Connected to a server that was about to leave: the next one is not kept waiting. */
static void look_for_server(struct ethdev *ethdev, uint64_t now_ns)
{
	uint64_t at_ns = now_ns + GONE_MS * DPS_NS_PER_MS;

	if (now_ns < ethdev->search_look_at_ns)
		return;
	ethdev->search_look_at_ns = now_ns + TRY_EVERY_MS * DPS_NS_PER_MS;
	if (at_ns < ethdev->search_at_ns && mark_of_server(ethdev) != ethdev->server_mark)
		ethdev->search_at_ns = at_ns;
}

static void try_server(struct ethdev *ethdev, uint64_t now_ns)
{
	ethdev->search_at_ns = now_ns + TRY_EVERY_MS * DPS_NS_PER_MS;
	/* Saves DPDK from complaining about a connection that cannot be. */
	ethdev->server_mark = mark_of_server(ethdev);
	if (ethdev->server_mark == 0)
		return;
	ethdev_empty_inboxes(ethdev);
	for (uint16_t i = 0; i < ethdev->queues_count && ethdev->is_zero_copy; i++)
		ethdev_pools_recall(ethdev->views[i]);
	ethdev_enter(ethdev);
	ethdev->is_started = restore_heap(ethdev) && rte_eth_dev_start(ethdev->id) == 0;
	ethdev_leave(ethdev);
	if (!ethdev->is_started)
		return;
	ethdev->search = ETHDEV_SEARCH_HELLO;
	ethdev->search_at_ns = now_ns + HELLO_MS * DPS_NS_PER_MS;
	ethdev->search_look_at_ns = now_ns;
}

void ethdev_memif_poll(struct ethdev *ethdev, uint64_t now_ns)
{
	switch (ethdev->search) {
	case ETHDEV_SEARCH_NONE:
		return;
	case ETHDEV_SEARCH_ROUND:
		if (dps_gate_rounds() < ethdev->search_round)
			return;
		ethdev->search = ETHDEV_SEARCH_WAIT;
		ethdev->search_at_ns = now_ns;
		return;
	case ETHDEV_SEARCH_WAIT:
		/* What was received must be given back before the buffers are recalled. */
		if (now_ns >= ethdev->search_at_ns && ethdev->lent_count == 0)
			try_server(ethdev, now_ns);
		return;
	case ETHDEV_SEARCH_HELLO:
		if (ethdev->is_up) {
			ethdev->search = ETHDEV_SEARCH_FOUND;
			ethdev_enter(ethdev);
			restore_heap(ethdev);
			ethdev_leave(ethdev);
			ethdev_let_in(ethdev);
		} else if (now_ns >= ethdev->search_at_ns) {
			stop(ethdev);
		} else {
			look_for_server(ethdev, now_ns);
		}
		return;
	case ETHDEV_SEARCH_FOUND:
		if (!ethdev->is_up)
			stop(ethdev);
		return;
	case ETHDEV_SEARCH_QUIET:
		stop(ethdev);
		return;
	}
}
