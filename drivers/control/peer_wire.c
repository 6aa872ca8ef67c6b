/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/peer_wire.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	READS_TURN = 16, /* of one peer before others have their turn */
	WRITES_TURN = 64,
	SLICES = 16,
};

static void drop_attempt(struct dps_peer_wire *wire)
{
	if (!wire->is_dialling)
		return;
	dps_loop_remove(wire->loop, &wire->source);
	dps_dialer_fini(&wire->dialer);
	wire->is_dialling = false;
}

static void drop_socket(struct dps_peer_wire *wire)
{
	if (wire->socket == NULL)
		return;
	dps_loop_remove(wire->loop, &wire->source);
	wire->socket->ops->close(wire->socket);
	wire->socket = NULL;
}

/* What the socket knows beyond an errno is for people; it goes with the socket. */
static void keep_why(struct dps_peer_wire *wire, int error)
{
	const char *trouble = wire->socket->trouble;

	snprintf(wire->why, sizeof(wire->why), "%s: %s", wire->socket->peer,
		 trouble != NULL ? trouble : strerror(error));
}

static void on_failed(struct dps_peer_wire *wire, int error, uint64_t now_ns)
{
	keep_why(wire, error);
	drop_socket(wire);
	dps_peer_on_lost(wire->peer, wire->epoch, error, now_ns);
}

static uint32_t wants(const struct dps_peer_wire *wire)
{
	uint32_t events = wire->has_ended ? 0 : wire->socket->read_waits;

	if (wire->is_write_blocked || wire->is_finish_owed)
		events |= wire->socket->write_waits;
	return events;
}

static void on_ready(void *context, uint32_t events, uint64_t now_ns);

static int use_socket(struct dps_peer_wire *wire, struct dps_socket *socket, uint64_t epoch)
{
	wire->socket = socket;
	wire->epoch = epoch;
	wire->why[0] = '\0'; /* of the last one */
	wire->has_ended = wire->is_finish_owed = wire->is_write_blocked = false;
	wire->has_more =
		true; /* what was read with a greeting, or behind a handshake, is no event */
	wire->source = (struct dps_loop_source){
		.fd = socket->fd,
		.wants = socket->read_waits,
		.on_ready = on_ready,
		.context = wire,
	};
	return dps_loop_add(wire->loop, &wire->source);
}

/* ---- Dialling: one round through the addresses; when the next one is due, the peer says. ---- */

static void end_attempt(struct dps_peer_wire *wire, uint64_t now_ns)
{
	int error = wire->dialer.last_error;

	dps_dialer_explain(&wire->dialer, wire->why, now_ns);
	drop_attempt(wire);
	dps_peer_on_lost(wire->peer, wire->epoch, error, now_ns);
}

static void on_dialled(struct dps_peer_wire *wire, struct dps_socket *socket, uint64_t now_ns)
{
	int error;

	drop_attempt(wire);
	if (wire->ops.wrap != NULL)
		socket = wire->ops.wrap(wire->ops.context, socket);
	error = socket == NULL ? -ENOMEM : use_socket(wire, socket, wire->epoch);
	if (error == 0)
		dps_peer_on_connected(wire->peer, wire->epoch, now_ns);
	else if (socket == NULL)
		dps_peer_on_lost(wire->peer, wire->epoch, -error, now_ns);
	else
		on_failed(wire, -error, now_ns);
}

static void watch_attempt(struct dps_peer_wire *wire)
{
	if (wire->source.fd == wire->dialer.fd && wire->source.is_added)
		return;
	dps_loop_remove(wire->loop, &wire->source);
	wire->source = (struct dps_loop_source){
		.fd = wire->dialer.fd,
		.wants = EPOLLOUT,
		.on_ready = on_ready,
		.context = wire,
	};
	/* Where it cannot be watched, the attempt's own deadline looks after it. */
	(void)dps_loop_add(wire->loop, &wire->source);
}

static void go_on_dialling(struct dps_peer_wire *wire, uint64_t now_ns)
{
	struct dps_socket *socket = NULL;
	int fd = wire->dialer.fd;

	/* A descriptor that the dialer closes must not be watched any more. */
	if (wire->source.is_added && wire->source.fd == fd)
		dps_loop_remove(wire->loop, &wire->source);
	if (dps_dialer_step(&wire->dialer, &socket, now_ns) == DPS_DIALER_CONNECTED)
		on_dialled(wire, socket, now_ns);
	else if (wire->dialer.fd < 0)
		end_attempt(wire, now_ns);
	else
		watch_attempt(wire);
}

static void dial(struct dps_peer_wire *wire, uint64_t epoch, uint64_t now_ns)
{
	wire->epoch = epoch;
	wire->why[0] = '\0';
	if (wire->addresses_count == 0) {
		dps_peer_on_lost(wire->peer, epoch, EDESTADDRREQ, now_ns);
		return;
	}
	dps_dialer_init(&wire->dialer, wire->addresses, wire->addresses_count, DPS_NEVER_NS,
			now_ns);
	wire->is_dialling = true;
	go_on_dialling(wire, now_ns);
}

/* Who is asked for by a name that is not its own any more could show any key. */
static bool leave_old_place(struct dps_peer_wire *wire, uint64_t now_ns)
{
	bool is_there = dps_peer_state(wire->peer) > DPS_PEER_GREETING;

	if (!wire->is_moved)
		return false;
	wire->is_moved = false;
	if (is_there)
		return false;
	drop_attempt(wire);
	drop_socket(wire);
	dps_peer_on_lost(wire->peer, wire->epoch, ECANCELED, now_ns);
	return true;
}

/* ---- The connection. ---- */

static void read_socket(struct dps_peer_wire *wire, uint64_t now_ns)
{
	wire->has_more = false;
	for (unsigned int i = 0; i < READS_TURN && wire->socket != NULL && !wire->has_ended; i++) {
		ssize_t bytes =
			wire->socket->ops->read(wire->socket, wire->bytes, sizeof(wire->bytes));

		if (bytes == -EAGAIN)
			return;
		if (bytes < 0) {
			on_failed(wire, (int)-bytes, now_ns);
		} else if (bytes == 0) {
			wire->has_ended = true;
			dps_peer_on_end(wire->peer, wire->epoch, now_ns);
		} else {
			wire->has_more = true;
			dps_peer_on_bytes(wire->peer, wire->epoch, wire->bytes, (size_t)bytes,
					  now_ns);
		}
	}
}

/* As far as the socket takes them; 0 or the errno it failed with. */
static int write_slices(struct dps_peer_wire *wire, const struct dps_peer_slice *slices,
			unsigned int count, size_t *sent)
{
	*sent = 0;
	for (unsigned int i = 0; i < count; i++) {
		ssize_t bytes =
			wire->socket->ops->write(wire->socket, slices[i].memory, slices[i].bytes);

		if (bytes < 0 && bytes != -EAGAIN)
			return (int)-bytes;
		*sent += bytes > 0 ? (size_t)bytes : 0;
		if (bytes < (ssize_t)slices[i].bytes) {
			wire->is_write_blocked = true;
			return 0;
		}
	}
	return 0;
}

static bool write_socket(struct dps_peer_wire *wire, uint64_t now_ns)
{
	struct dps_peer_slice slices[SLICES];
	unsigned int count;
	bool has_written = false;
	size_t sent;

	for (unsigned int i = 0; i < WRITES_TURN && wire->socket != NULL; i++) {
		int error;

		if (wire->is_write_blocked)
			break;

		count = dps_peer_emit_slices(wire->peer, wire->epoch, slices, SLICES, now_ns);
		if (count == 0)
			break;
		error = write_slices(wire, slices, count, &sent);
		if (sent > 0)
			dps_peer_on_sent(wire->peer, wire->epoch, sent, now_ns);
		has_written |= sent > 0;
		if (error != 0) {
			on_failed(wire, error, now_ns);
			return true;
		}
	}
	return has_written;
}

static void finish_socket(struct dps_peer_wire *wire)
{
	if (wire->socket == NULL || !wire->is_finish_owed)
		return;
	/* An error is found by reading, too. */
	if (wire->socket->ops->finish(wire->socket) != -EAGAIN)
		wire->is_finish_owed = false;
}

static bool do_step(struct dps_peer_wire *wire, uint64_t now_ns)
{
	uint64_t epoch;

	switch (dps_peer_emit_step(wire->peer, &epoch, now_ns)) {
	case DPS_PEER_STEP_DIAL:
		dial(wire, epoch, now_ns);
		return true;
	case DPS_PEER_STEP_FINISH:
		wire->is_finish_owed = wire->epoch == epoch;
		return true;
	case DPS_PEER_STEP_DROP:
		if (wire->epoch <= epoch) {
			drop_attempt(wire);
			drop_socket(wire);
		}
		return true;
	default:
		return false;
	}
}

static bool tell(struct dps_peer_wire *wire, uint64_t now_ns)
{
	struct dps_peer_event event;
	bool has_told = false;

	while (dps_peer_emit_event(wire->peer, &event, now_ns)) {
		wire->ops.on_event(wire->ops.context, &event, now_ns);
		has_told = true;
	}
	return has_told;
}

void dps_peer_wire_flush(struct dps_peer_wire *wire, uint64_t now_ns)
{
	bool did = true;

	while (did) {
		did = leave_old_place(wire, now_ns);
		did |= do_step(wire, now_ns);
		did |= write_socket(wire, now_ns);
		did |= tell(wire, now_ns);
	}
	finish_socket(wire);
	if (wire->socket != NULL)
		dps_loop_want(wire->loop, &wire->source, wants(wire));
}

/* What blocked a write may be gone whatever came: TLS reads to write, and writes to read. */
static void go_on(struct dps_peer_wire *wire, uint64_t now_ns)
{
	(void)leave_old_place(wire, now_ns);
	wire->is_write_blocked = false;
	if (wire->is_dialling)
		go_on_dialling(wire, now_ns);
	else
		read_socket(wire, now_ns);
	dps_peer_wire_flush(wire, now_ns);
}

static void on_ready(void *context, uint32_t events, uint64_t now_ns)
{
	(void)events;
	go_on(context, now_ns);
}

/* ---- Time. ---- */

static uint64_t next_deadline_ns(void *context)
{
	const struct dps_peer_wire *wire = context;
	uint64_t peer_ns = dps_peer_next_deadline_ns(wire->peer);
	uint64_t dial_ns = wire->is_dialling ? dps_dialer_deadline_ns(&wire->dialer) : DPS_NEVER_NS;

	if (wire->is_moved || (wire->socket != NULL && wire->has_more && !wire->has_ended))
		return 0;
	return peer_ns < dial_ns ? peer_ns : dial_ns;
}

static void on_due(void *context, uint64_t now_ns)
{
	struct dps_peer_wire *wire = context;
	bool is_dial_due = wire->is_dialling && dps_dialer_deadline_ns(&wire->dialer) <= now_ns;

	dps_peer_on_deadline(wire->peer, now_ns);
	if (is_dial_due || (wire->socket != NULL && wire->has_more))
		go_on(wire, now_ns);
	else
		dps_peer_wire_flush(wire, now_ns);
}

/* ---- Beginning and end. ---- */

static void set_addresses(struct dps_peer_wire *wire, const struct dps_socket_address *addresses,
			  unsigned int count)
{
	if (count > DPS_ENDPOINT_ADDRESSES_MAX)
		count = DPS_ENDPOINT_ADDRESSES_MAX;
	if (count > 0)
		memcpy(wire->addresses, addresses, count * sizeof(*addresses));
	wire->addresses_count = count;
}

void dps_peer_wire_init(struct dps_peer_wire *wire, struct dps_peer *peer, struct dps_loop *loop,
			const struct dps_peer_wire_ops *ops,
			const struct dps_socket_address *addresses, unsigned int count)
{
	*wire = (struct dps_peer_wire){ .peer = peer, .loop = loop, .ops = *ops };
	wire->timer = (struct dps_loop_timer){
		.next_deadline_ns = next_deadline_ns,
		.on_due = on_due,
		.context = wire,
	};
	set_addresses(wire, addresses, count);
	dps_loop_add_timer(loop, &wire->timer);
}

void dps_peer_wire_fini(struct dps_peer_wire *wire)
{
	drop_attempt(wire);
	drop_socket(wire);
	dps_loop_remove_timer(wire->loop, &wire->timer);
}

void dps_peer_wire_lose(struct dps_peer_wire *wire, int error, uint64_t now_ns)
{
	drop_attempt(wire);
	drop_socket(wire);
	dps_peer_on_lost(wire->peer, wire->epoch, error, now_ns);
	dps_peer_wire_flush(wire, now_ns);
}

void dps_peer_wire_move(struct dps_peer_wire *wire, const struct dps_socket_address *addresses,
			unsigned int count, uint64_t now_ns)
{
	set_addresses(wire, addresses, count);
	wire->is_moved = wire->is_dialling || dps_peer_state(wire->peer) == DPS_PEER_GREETING;
	(void)dps_peer_hurry(wire->peer, now_ns);
}

int dps_peer_wire_accept(struct dps_peer_wire *wire, struct dps_socket *socket, uint64_t now_ns)
{
	uint64_t epoch;
	int error = dps_peer_accept(wire->peer, &epoch, now_ns);

	if (error != 0) {
		socket->ops->close(socket);
		return error;
	}
	drop_socket(wire); /* of the connection that this one supersedes */
	error = use_socket(wire, socket, epoch);
	if (error != 0)
		on_failed(wire, -error, now_ns);
	dps_peer_wire_flush(wire, now_ns);
	return error;
}
