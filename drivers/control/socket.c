/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/socket.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	KEEPALIVE_IDLE_S = 10,
	KEEPALIVE_INTERVAL_S = 5,
	KEEPALIVE_COUNT = 3,
	UNACKNOWLEDGED_MS = 25000, /* the same patience for data that was written */
};

static ssize_t tcp_read(struct dps_socket *socket, void *bytes, size_t room)
{
	ssize_t count;

	do
		count = recv(socket->fd, bytes, room, MSG_DONTWAIT);
	while (count < 0 && errno == EINTR);
	return count < 0 ? -errno : count;
}

static ssize_t tcp_write(struct dps_socket *socket, const void *bytes, size_t length)
{
	ssize_t count;

	do
		count = send(socket->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (count < 0 && errno == EINTR);
	return count < 0 ? -errno : count;
}

static int tcp_finish(struct dps_socket *socket)
{
	return shutdown(socket->fd, SHUT_WR) == 0 ? 0 : -errno;
}

static void tcp_close(struct dps_socket *socket)
{
	close(socket->fd);
	free(socket);
}

static const struct dps_socket_ops tcp_ops = {
	.read = tcp_read,
	.write = tcp_write,
	.finish = tcp_finish,
	.close = tcp_close,
};

/* A kernel that lacks an option loses speed or patience, not correctness. */
static void set_option(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

struct dps_socket *dps_socket_create_tcp(int fd, const struct dps_socket_address *peer)
{
	struct dps_socket *socket = calloc(1, sizeof(*socket));

	if (!socket) {
		close(fd);
		return NULL;
	}
	*socket = (struct dps_socket){ .ops = &tcp_ops,
				       .fd = fd,
				       .read_waits = EPOLLIN,
				       .write_waits = EPOLLOUT,
				       .peer_address = *peer };
	dps_socket_address_format(peer, socket->peer);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
	return socket;
}
