/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/dialer.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_NS_MIN (100 * DPS_NS_PER_MS)
#define PAUSE_NS_MAX (1 * DPS_NS_PER_S)
#define ATTEMPT_NS_MAX (5 * DPS_NS_PER_S)

void dps_dialer_init(struct dps_dialer *dialer, const struct dps_socket_address *addresses,
		     unsigned int count, uint64_t deadline_ns, uint64_t now_ns)
{
	DPS_ASSERT(count > 0 && count <= DPS_ENDPOINT_ADDRESSES_MAX);
	*dialer = (struct dps_dialer){ .addresses_count = count,
				       .fd = -1,
				       .started_at_ns = now_ns,
				       .deadline_ns = deadline_ns,
				       .retry_at_ns = now_ns,
				       .pause_ns = PAUSE_NS_MIN };
	memcpy(dialer->addresses, addresses, count * sizeof(*addresses));
}

static void drop_attempt(struct dps_dialer *dialer)
{
	if (dialer->fd >= 0)
		close(dialer->fd);
	dialer->fd = -1;
}

void dps_dialer_fini(struct dps_dialer *dialer)
{
	drop_attempt(dialer);
}

static void fail_attempt(struct dps_dialer *dialer, int error, uint64_t now_ns)
{
	drop_attempt(dialer);
	dialer->last_error = error;
	dialer->next = (dialer->next + 1) % dialer->addresses_count;
	dialer->retry_at_ns = now_ns;
	if (dialer->next > 0)
		return;
	dialer->retry_at_ns = now_ns + dialer->pause_ns;
	dialer->pause_ns =
		dialer->pause_ns * 2 < PAUSE_NS_MAX ? dialer->pause_ns * 2 : PAUSE_NS_MAX;
}

static void start_attempt(struct dps_dialer *dialer, uint64_t now_ns)
{
	const struct dps_socket_address *address = &dialer->addresses[dialer->next];

	dialer->attempts_count++;
	dialer->fd =
		socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dialer->fd < 0 ||
	    (connect(dialer->fd, (const struct sockaddr *)&address->storage, address->bytes) != 0 &&
	     errno != EINPROGRESS)) {
		fail_attempt(dialer, errno, now_ns);
		return;
	}
	dialer->attempt_until_ns = now_ns + ATTEMPT_NS_MAX;
}

/* A socket that dials a free port of its own host may be given that port, and meets itself. */
static bool is_itself(int fd)
{
	struct sockaddr_storage local = { 0 }, peer = { 0 };
	socklen_t local_bytes = sizeof(local), peer_bytes = sizeof(peer);

	return getsockname(fd, (struct sockaddr *)&local, &local_bytes) == 0 &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_bytes) == 0 &&
	       local_bytes == peer_bytes && memcmp(&local, &peer, local_bytes) == 0;
}

/* The outcome of the attempt: 0, an errno, or EINPROGRESS. */
static int attempt_status(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	socklen_t bytes = sizeof(int);
	int error = 0;

	if (poll(&poll_fd, 1, 0) == 0)
		return EINPROGRESS;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
		return errno;
	if (error == 0 && is_itself(fd))
		return ECONNREFUSED;
	return error;
}

enum dps_dialer_event dps_dialer_step(struct dps_dialer *dialer, struct dps_socket **socket,
				      uint64_t now_ns)
{
	/* Every address once at most: an attempt that fails at once makes way for the next. */
	for (unsigned int i = 0; i <= dialer->addresses_count; i++) {
		int status;

		if (dialer->fd < 0 && now_ns >= dialer->retry_at_ns && now_ns < dialer->deadline_ns)
			start_attempt(dialer, now_ns);
		if (dialer->fd < 0)
			continue;
		status = attempt_status(dialer->fd);
		if (status == 0) {
			*socket =
				dps_socket_create_tcp(dialer->fd, &dialer->addresses[dialer->next]);
			dialer->fd = -1;
			if (*socket)
				return DPS_DIALER_CONNECTED;
			status = ENOMEM;
		} else if (status == EINPROGRESS && now_ns >= dialer->attempt_until_ns) {
			status = ETIMEDOUT;
		}
		if (status == EINPROGRESS)
			break;
		fail_attempt(dialer, status, now_ns);
	}
	if (now_ns < dialer->deadline_ns)
		return DPS_DIALER_WAITING;
	drop_attempt(dialer);
	return DPS_DIALER_FAILED;
}

uint64_t dps_dialer_deadline_ns(const struct dps_dialer *dialer)
{
	uint64_t due_ns = dialer->fd >= 0 ? dialer->attempt_until_ns : dialer->retry_at_ns;

	return due_ns < dialer->deadline_ns ? due_ns : dialer->deadline_ns;
}

void dps_dialer_explain(const struct dps_dialer *dialer, char error[DPS_ENDPOINT_ERROR_BYTES],
			uint64_t now_ns)
{
	char address[DPS_ENDPOINT_TEXT_BYTES];
	uint64_t tried_ns = now_ns - dialer->started_at_ns;

	dps_socket_address_format(&dialer->addresses[0], address);
	snprintf(error, DPS_ENDPOINT_ERROR_BYTES,
		 "no answer from %s in %llu.%llu s (%s); does anybody listen there, and is the "
		 "port open?",
		 address, (unsigned long long)(tried_ns / DPS_NS_PER_S),
		 (unsigned long long)(tried_ns % DPS_NS_PER_S / (100 * DPS_NS_PER_MS)),
		 dialer->last_error ? strerror(dialer->last_error) : "connection timed out");
}
