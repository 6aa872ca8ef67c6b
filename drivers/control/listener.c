/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/listener.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	BACKLOG = 64,
	PAUSE_MS = 100,
	SKIPPED_MAX = 16, /* connections gone before they were accepted, in one call */
};

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int open_address(struct dps_listener *listener, const struct dps_socket_address *address)
{
	int family = address->storage.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int status;

	if (fd < 0)
		return -errno;
	listener->local.bytes = sizeof(listener->local.storage);
	if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0 &&
	    (family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) == 0) &&
	    bind(fd, (const struct sockaddr *)&address->storage, address->bytes) == 0 &&
	    listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&listener->local.storage, &listener->local.bytes) ==
		    0) {
		listener->fd = fd;
		return 0;
	}
	status = -errno;
	close(fd);
	return status;
}

/* IPv6 first: its "any" takes IPv4 as well, the other way round not. */
static int open_first(struct dps_listener *listener, const struct dps_socket_address *addresses,
		      unsigned int count)
{
	static const int families[] = { AF_INET6, AF_INET };
	int status = -EADDRNOTAVAIL;

	for (unsigned int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < count; i++) {
			if (addresses[i].storage.ss_family != families[pass])
				continue;
			status = open_address(listener, &addresses[i]);
			if (status == 0 || status == -EADDRINUSE)
				return status;
		}
	}
	return status;
}

static const char *advice(int status)
{
	switch (status) {
	case -EADDRINUSE:
		return "; stop the program that has it, or choose another port";
	case -EADDRNOTAVAIL:
		return "; `ip address` lists the addresses this machine has";
	case -EACCES:
		return "; an ordinary user has the ports from 1024 on";
	default:
		return "";
	}
}

int dps_listener_open(struct dps_listener *listener, const struct dps_endpoint_name *endpoint,
		      char error[DPS_ENDPOINT_ERROR_BYTES])
{
	struct dps_socket_address addresses[DPS_ENDPOINT_ADDRESSES_MAX];
	unsigned int count;
	int status;

	*listener = (struct dps_listener){ .fd = -1 };
	count = dps_endpoint_resolve(endpoint, DPS_ENDPOINT_LISTEN, addresses, error);
	if (count == 0)
		return -EADDRNOTAVAIL;
	status = open_first(listener, addresses, count);
	if (status != 0)
		snprintf(error, DPS_ENDPOINT_ERROR_BYTES, "cannot listen on %s%s%s:%u: %s%s",
			 strchr(endpoint->host, ':') ? "[" : "", endpoint->host,
			 strchr(endpoint->host, ':') ? "]" : "", endpoint->port, strerror(-status),
			 advice(status));
	return status;
}

void dps_listener_close(struct dps_listener *listener)
{
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
}

static bool is_full(const struct dps_listener *listener)
{
	return listener->open_count >= DPS_LISTENER_CONNECTIONS_MAX;
}

/* Whether an accept that failed says something of that connection only (accept(2)). */
static bool is_gone(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
	       error == ENOPROTOOPT || error == EHOSTDOWN || error == EHOSTUNREACH ||
	       error == ENETUNREACH || error == EOPNOTSUPP || error == ENONET || error == EPERM;
}

struct dps_socket *dps_listener_accept(struct dps_listener *listener, uint64_t now_ns)
{
	struct dps_socket *socket = NULL;

	if (is_full(listener) || now_ns < listener->paused_until_ns)
		return NULL;
	for (unsigned int i = 0; i < SKIPPED_MAX; i++) {
		struct dps_socket_address peer = { .bytes = sizeof(peer.storage) };
		int fd = accept4(listener->fd, (struct sockaddr *)&peer.storage, &peer.bytes,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && is_gone(errno))
			continue;
		if (fd < 0 && errno == EAGAIN)
			return NULL;
		if (fd >= 0)
			socket = dps_socket_create_tcp(fd, &peer);
		if (!socket)
			listener->paused_until_ns = now_ns + PAUSE_MS * DPS_NS_PER_MS;
		else
			listener->open_count++;
		return socket;
	}
	return NULL;
}

void dps_listener_release(struct dps_listener *listener)
{
	DPS_ASSERT(listener->open_count > 0);
	listener->open_count--;
}

uint32_t dps_listener_wants(const struct dps_listener *listener, uint64_t now_ns)
{
	return is_full(listener) || now_ns < listener->paused_until_ns ? 0 : EPOLLIN;
}

uint64_t dps_listener_deadline_ns(const struct dps_listener *listener, uint64_t now_ns)
{
	return now_ns < listener->paused_until_ns ? listener->paused_until_ns : DPS_NEVER_NS;
}
