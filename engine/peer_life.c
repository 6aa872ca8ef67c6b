/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Life: dialled or accepted, greeted, lost and dialled again, closed by one side and then by both.
 * Whatever it waits for, closing is an input like any other, so it is seen at once.
 */
#include "engine/bits.h"
#include "engine/peer.h"
#include <dps/assert.h>
#include <errno.h>

#define NEXT(state) (1u << DPS_PEER_##state)

/* Every change there is. Only enter() writes the state. */
static const uint16_t may_enter[DPS_PEER_STATES] = {
	[DPS_PEER_IDLE] = NEXT(WAITING) | NEXT(GREETING) | NEXT(CLOSED),
	[DPS_PEER_WAITING] = NEXT(CONNECTING) | NEXT(CLOSED),
	[DPS_PEER_CONNECTING] = NEXT(GREETING) | NEXT(WAITING) | NEXT(CLOSED),
	[DPS_PEER_GREETING] = NEXT(CONNECTED) | NEXT(WAITING) | NEXT(IDLE) | NEXT(CLOSED),
	[DPS_PEER_CONNECTED] = NEXT(DRAINING) | NEXT(LEAVING) | NEXT(WAITING) | NEXT(IDLE),
	[DPS_PEER_DRAINING] = NEXT(FINISHING) | NEXT(CLOSED),
	[DPS_PEER_LEAVING] = NEXT(FINISHING) | NEXT(CLOSED),
	[DPS_PEER_FINISHING] = NEXT(CLOSED),
	[DPS_PEER_CLOSED] = NEXT(WAITING) | NEXT(GREETING),
};

static void enter(struct dps_peer *peer, enum dps_peer_state next)
{
	DPS_ASSERT((may_enter[peer->state] & 1u << next) != 0);
	peer->state = next;
	peer->until_ns = DPS_NEVER_NS;
}

static uint64_t after(uint64_t now_ns, uint64_t wait_ns)
{
	return wait_ns < DPS_NEVER_NS - now_ns ? now_ns + wait_ns : DPS_NEVER_NS;
}

enum dps_peer_state dps_peer_state(const struct dps_peer *peer)
{
	return peer != NULL ? peer->state : DPS_PEER_CLOSED;
}

bool dps_peer_has_connection(const struct dps_peer *peer)
{
	enum dps_peer_state state = dps_peer_state(peer);

	return state >= DPS_PEER_GREETING && state <= DPS_PEER_FINISHING;
}

static bool is_of_epoch(struct dps_peer *peer, uint64_t epoch, bool is_expected)
{
	if (peer == NULL)
		return false;
	if (peer->epoch == epoch && is_expected)
		return true;
	peer->figures.stale++;
	return false;
}

bool dps_peer_is_current(struct dps_peer *peer, uint64_t epoch)
{
	return is_of_epoch(peer, epoch, dps_peer_has_connection(peer));
}

static void tell(struct dps_peer *peer, enum dps_peer_event_kind kind)
{
	struct dps_peer_event event = { .kind = kind, .epoch = peer->epoch };

	dps_peer_tell(peer, &event);
}

/* ---- Beginnings. ---- */

static void begin_life(struct dps_peer *peer, bool is_dialled)
{
	peer->is_dialled = is_dialled;
	peer->is_ours = false;
	peer->close_code = 0;
	peer->over = (struct dps_peer_event){ .kind = DPS_PEER_EVENT_CLOSED };
	dps_backoff_init(&peer->backoff, peer->config.backoff_cap_ns, peer->config.stable_ns,
			 peer->config.seed);
}

static void begin_connection(struct dps_peer *peer)
{
	peer->epoch++;
	peer->is_hello_owed = true;
	peer->is_closing_owed = peer->is_bye_owed = false;
	peer->is_bye_sent = peer->is_finish_told = false;
	peer->has_bye = peer->has_ended = false;
	peer->strange = 0;
	dps_peer_credit_reset(peer);
}

static bool has_life(const struct dps_peer *peer)
{
	return peer->state != DPS_PEER_IDLE && peer->state != DPS_PEER_CLOSED;
}

int dps_peer_dial(struct dps_peer *peer, uint64_t now_ns)
{
	int error = dps_peer_may_call(peer);

	if (error != 0)
		return error;
	if (has_life(peer))
		return -EISCONN;
	if (peer->is_over_owed)
		return -EAGAIN;
	begin_life(peer, true);
	enter(peer, DPS_PEER_WAITING);
	peer->until_ns = now_ns;
	return 0;
}

int dps_peer_hurry(struct dps_peer *peer, uint64_t now_ns)
{
	int error = dps_peer_may_call(peer);

	if (error != 0)
		return error;
	dps_backoff_init(&peer->backoff, peer->config.backoff_cap_ns, peer->config.stable_ns,
			 peer->config.seed);
	if (peer->state == DPS_PEER_WAITING)
		peer->until_ns = dps_min_u64(peer->until_ns, now_ns);
	return 0;
}

int dps_peer_accept(struct dps_peer *peer, uint64_t *epoch, uint64_t now_ns)
{
	int error = dps_peer_may_call(peer);
	bool is_there;

	if (error == 0 && epoch == NULL)
		error = -EINVAL;
	if (error != 0)
		return error;
	is_there = peer->state == DPS_PEER_GREETING || peer->state == DPS_PEER_CONNECTED;
	if (has_life(peer) && (peer->is_dialled || !is_there))
		return -EISCONN;
	if (peer->is_over_owed || !dps_peer_has_room_to_tell(peer))
		return -EAGAIN;
	if (is_there)
		dps_peer_break(peer, DPS_PEER_SUPERSEDED, now_ns);
	begin_life(peer, false);
	enter(peer, DPS_PEER_GREETING);
	peer->until_ns = after(now_ns, peer->config.connect_timeout_ns);
	begin_connection(peer);
	*epoch = peer->epoch;
	return 0;
}

void dps_peer_on_connected(struct dps_peer *peer, uint64_t epoch, uint64_t now_ns)
{
	if (!is_of_epoch(peer, epoch, dps_peer_state(peer) == DPS_PEER_CONNECTING))
		return;
	enter(peer, DPS_PEER_GREETING);
	peer->until_ns = after(now_ns, peer->config.connect_timeout_ns);
}

void dps_peer_on_hello(struct dps_peer *peer, uint64_t now_ns)
{
	enter(peer, DPS_PEER_CONNECTED);
	peer->figures.connections++;
	dps_backoff_on_success(&peer->backoff, now_ns);
	tell(peer, DPS_PEER_EVENT_CONNECTED);
}

/* ---- Ends. ---- */

/* Everything that hangs on a connection: what was sent is lost, what was not stays. */
static void let_go(struct dps_peer *peer, uint64_t now_ns)
{
	dps_peer_writer_reset(peer);
	dps_peer_reader_reset(peer);
	dps_peer_calls_end_sent(peer, DPS_PEER_CALL_LOST, now_ns);
	dps_peer_calls_forget_cancels(peer);
	dps_peer_requests_end(peer);
	dps_peer_streams_park(peer);
	peer->is_hello_owed = peer->is_closing_owed = peer->is_bye_owed = false;
}

static void end(struct dps_peer *peer, enum dps_peer_reason reason, int error, uint64_t now_ns)
{
	let_go(peer, now_ns);
	dps_peer_queue_purge(peer, now_ns);
	peer->high = peer->high_told = 0;
	if (peer->over.reason == DPS_PEER_REASON_NONE)
		peer->over.reason = reason;
	dps_peer_streams_lose(peer, peer->over.reason);
	peer->over.error = error;
	peer->over.epoch = peer->epoch;
	peer->over.is_ours = peer->is_ours;
	peer->is_over_owed = true;
	enter(peer, DPS_PEER_CLOSED);
}

/* Both have said all, or enough: the driver ends what is left of the connection. */
static void end_connection(struct dps_peer *peer, uint64_t now_ns)
{
	peer->drop_epoch = peer->epoch;
	if (peer->over.reason == DPS_PEER_REASON_NONE)
		peer->over.reason = DPS_PEER_ASKED;
	peer->figures.ends[peer->over.reason]++;
	end(peer, peer->over.reason, 0, now_ns);
}

static void lose(struct dps_peer *peer, enum dps_peer_reason reason, int error, uint64_t now_ns)
{
	struct dps_peer_event event = {
		.kind = peer->state >= DPS_PEER_CONNECTED ? DPS_PEER_EVENT_LOST
							  : DPS_PEER_EVENT_CONNECT_FAILED,
		.reason = reason,
		.error = error,
		.epoch = peer->epoch,
	};

	/* Both have said goodbye: how the rest of the connection ends is nobody's concern. */
	if (peer->state == DPS_PEER_FINISHING && peer->is_bye_sent && peer->has_bye) {
		end_connection(peer, now_ns);
		return;
	}
	peer->figures.ends[reason]++;
	if (peer->state > DPS_PEER_CONNECTED) {
		end(peer, reason, error, now_ns);
		return;
	}
	let_go(peer, now_ns);
	dps_peer_tell(peer, &event);
	if (!peer->is_dialled) {
		enter(peer, DPS_PEER_IDLE);
		return;
	}
	dps_backoff_on_failure(&peer->backoff, now_ns);
	enter(peer, DPS_PEER_WAITING);
	peer->until_ns = dps_backoff_next_at_ns(&peer->backoff);
	event.kind = DPS_PEER_EVENT_RETRY;
	event.wait_ns = peer->until_ns - now_ns;
	dps_peer_tell(peer, &event);
}

void dps_peer_break(struct dps_peer *peer, enum dps_peer_reason reason, uint64_t now_ns)
{
	peer->drop_epoch = peer->epoch;
	lose(peer, reason, 0, now_ns);
}

void dps_peer_on_lost(struct dps_peer *peer, uint64_t epoch, int error, uint64_t now_ns)
{
	bool is_dial = dps_peer_state(peer) == DPS_PEER_CONNECTING;

	if (is_of_epoch(peer, epoch, is_dial || dps_peer_has_connection(peer)))
		lose(peer, is_dial ? DPS_PEER_UNREACHABLE : DPS_PEER_CONNECTION_FAILED, error,
		     now_ns);
}

void dps_peer_on_end(struct dps_peer *peer, uint64_t epoch, uint64_t now_ns)
{
	if (!dps_peer_is_current(peer, epoch))
		return;
	peer->has_ended = true;
	if (peer->state == DPS_PEER_FINISHING) {
		dps_peer_on_said(peer, now_ns);
		return;
	}
	if (peer->has_bye)
		return; /* it has ended its half, and still reads what we say */
	dps_peer_break(peer,
		       peer->reader.place == DPS_PEER_PLACE_HEAD && peer->reader.have == 0
			       ? DPS_PEER_ENDED
			       : DPS_PEER_TRUNCATED,
		       now_ns);
}

/* ---- Closing. ---- */

/* Nobody waits for room in classes that take nothing any more. */
static void stop_taking(struct dps_peer *peer, uint32_t classes)
{
	peer->high &= ~classes;
	peer->high_told &= ~classes;
}

static void finish(struct dps_peer *peer, uint64_t now_ns)
{
	stop_taking(peer, UINT32_MAX);
	enter(peer, DPS_PEER_FINISHING);
	peer->is_bye_owed = true;
	peer->until_ns = after(now_ns, peer->config.linger_ns);
}

static bool is_all_said(const struct dps_peer *peer)
{
	if (!dps_peer_writer_is_idle(peer) || dps_peer_may_go(peer) != 0)
		return false;
	if (peer->has_bye)
		return true;
	return peer->state == DPS_PEER_DRAINING && peer->queue.count == 0 && peer->calls_now == 0 &&
	       dps_peer_requests_awaited(peer) == 0 && dps_peer_streams_are_over(peer);
}

void dps_peer_on_said(struct dps_peer *peer, uint64_t now_ns)
{
	if (peer->state == DPS_PEER_DRAINING || peer->state == DPS_PEER_LEAVING) {
		if (is_all_said(peer))
			finish(peer, now_ns);
	} else if (peer->state == DPS_PEER_FINISHING && peer->is_bye_sent && peer->has_ended) {
		end_connection(peer, now_ns);
	}
}

static void on_grace_over(struct dps_peer *peer, uint64_t now_ns)
{
	peer->over.reason = DPS_PEER_GRACE_OVER;
	dps_peer_queue_purge(peer, now_ns);
	dps_peer_calls_end_sent(peer, DPS_PEER_CANCELLED, now_ns);
	dps_peer_calls_forget_cancels(peer); /* the goodbye says it of all of them */
	dps_peer_requests_end(peer);
	peer->is_closing_owed = false;
	finish(peer, now_ns);
}

static void start_draining(struct dps_peer *peer, uint64_t grace_ns, uint64_t now_ns)
{
	stop_taking(peer, ~(1u << DPS_PEER_REPLY));
	dps_peer_requests_refuse(peer);
	dps_peer_streams_shut(peer, true);
	peer->is_closing_owed = true;
	enter(peer, DPS_PEER_DRAINING);
	peer->until_ns = after(now_ns, grace_ns);
	if (grace_ns == 0)
		on_grace_over(peer, now_ns);
}

static void close_now(struct dps_peer *peer, uint16_t code, uint64_t grace_ns, uint64_t now_ns)
{
	if (peer->state == DPS_PEER_CLOSED)
		return;
	if (peer->state >= DPS_PEER_DRAINING) {
		peer->until_ns = dps_min_u64(peer->until_ns, after(now_ns, grace_ns));
		return;
	}
	peer->is_ours = true;
	peer->over.code = peer->close_code = code;
	if (peer->state == DPS_PEER_CONNECTED) {
		start_draining(peer, grace_ns, now_ns);
		return;
	}
	if (peer->state >= DPS_PEER_CONNECTING)
		peer->drop_epoch = peer->epoch;
	end(peer, DPS_PEER_ASKED, 0, now_ns);
}

int dps_peer_close(struct dps_peer *peer, uint16_t code, uint64_t grace_ns, uint64_t now_ns)
{
	int error = dps_peer_may_call(peer);

	if (error == 0)
		close_now(peer, code, grace_ns, now_ns);
	return error;
}

static void leave(struct dps_peer *peer, uint16_t code)
{
	stop_taking(peer, ~(1u << DPS_PEER_REPLY));
	dps_peer_streams_shut(peer, false);
	peer->over.code = code;
	enter(peer, DPS_PEER_LEAVING);
}

void dps_peer_on_closing(struct dps_peer *peer, uint16_t code, uint64_t now_ns)
{
	if (peer->state == DPS_PEER_CONNECTED)
		leave(peer, code);
	dps_peer_calls_end_queued(peer, now_ns);
	dps_peer_on_said(peer, now_ns);
}

void dps_peer_on_bye(struct dps_peer *peer, uint16_t code, uint64_t now_ns)
{
	peer->has_bye = true;
	if (peer->state == DPS_PEER_CONNECTED)
		leave(peer, code);
	dps_peer_calls_end_queued(peer, now_ns);
	dps_peer_calls_end_sent(peer, DPS_PEER_CALL_LOST, now_ns);
	dps_peer_calls_forget_cancels(peer);
	dps_peer_requests_end(peer);
	dps_peer_on_said(peer, now_ns);
}

/* ---- Time. ---- */

static void on_until(struct dps_peer *peer, uint64_t now_ns)
{
	switch (peer->state) {
	case DPS_PEER_CONNECTING:
		dps_peer_break(peer, DPS_PEER_CONNECT_TIMEOUT, now_ns);
		break;
	case DPS_PEER_GREETING:
		dps_peer_break(peer, DPS_PEER_HELLO_TIMEOUT, now_ns);
		break;
	case DPS_PEER_DRAINING:
	case DPS_PEER_LEAVING:
		on_grace_over(peer, now_ns);
		break;
	case DPS_PEER_FINISHING:
		end_connection(peer, now_ns);
		break;
	default: /* waiting: the dial is a step */
		break;
	}
}

void dps_peer_on_deadline(struct dps_peer *peer, uint64_t now_ns)
{
	if (peer == NULL)
		return;
	dps_peer_calls_on_deadline(peer, now_ns);
	if (peer->until_ns <= now_ns)
		on_until(peer, now_ns);
	dps_peer_on_said(peer, now_ns);
}

static bool is_finish_due(const struct dps_peer *peer)
{
	return peer->state == DPS_PEER_FINISHING && peer->is_bye_sent && !peer->is_finish_told;
}

uint64_t dps_peer_next_deadline_ns(const struct dps_peer *peer)
{
	if (peer == NULL || peer->is_gone)
		return DPS_NEVER_NS;
	if (peer->drop_epoch != 0 || is_finish_due(peer) || dps_peer_has_events(peer))
		return 0;
	return dps_min_u64(peer->until_ns, dps_timers_next_at_ns(&peer->timers));
}

/* It dials when all that was before is heard, so no event is ever without room. */
enum dps_peer_step dps_peer_emit_step(struct dps_peer *peer, uint64_t *epoch, uint64_t now_ns)
{
	if (peer == NULL || epoch == NULL)
		return DPS_PEER_STEP_NONE;
	if (peer->drop_epoch != 0) {
		*epoch = peer->drop_epoch;
		peer->drop_epoch = 0;
		return DPS_PEER_STEP_DROP;
	}
	*epoch = peer->epoch;
	dps_peer_on_said(peer, now_ns); /* streams end without a word of the connection */
	if (is_finish_due(peer)) {
		peer->is_finish_told = true;
		return DPS_PEER_STEP_FINISH;
	}
	if (peer->state != DPS_PEER_WAITING || peer->until_ns > now_ns ||
	    !dps_peer_has_told_all(peer))
		return DPS_PEER_STEP_NONE;
	enter(peer, DPS_PEER_CONNECTING);
	peer->until_ns = after(now_ns, peer->config.connect_timeout_ns);
	begin_connection(peer);
	*epoch = peer->epoch;
	tell(peer, DPS_PEER_EVENT_CONNECTING);
	return DPS_PEER_STEP_DIAL;
}
