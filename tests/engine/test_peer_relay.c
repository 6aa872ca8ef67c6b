/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay of calls: a program between a caller and two servers passes on what it is asked, and the
 * answers back. A peer gives it all that takes: handles, cookies, and an end of each call.
 */
#include "tests/support/peer_pair.h"
#include <errno.h>
#include <string.h>

#define SECOND DPS_NS_PER_S

enum { SERVERS = 2 };

struct relay {
	struct peer_pair caller;	   /* its b is the relay */
	struct peer_pair servers[SERVERS]; /* their a is the relay */
	unsigned int caller_seen, servers_seen[SERVERS];
	struct {
		struct dps_handle request;
		uint64_t id;
		bool is_under_way;
	} passed[SERVERS][PAIR_CALLS]; /* by cookie */
};

static void relay_open(struct relay *relay)
{
	memset(relay, 0, sizeof(*relay));
	pair_open_connected(&relay->caller);
	for (unsigned int i = 0; i < SERVERS; i++)
		pair_open_connected(&relay->servers[i]);
}

static void relay_close(struct relay *relay)
{
	pair_close(&relay->caller);
	for (unsigned int i = 0; i < SERVERS; i++)
		pair_close(&relay->servers[i]);
}

static int answer(struct relay *relay, struct dps_handle request, uint16_t code, const char *text)
{
	return dps_peer_reply(relay->caller.b.peer, request, code, text, (uint32_t)strlen(text),
			      relay->caller.now_ns);
}

/* `0...` is for the first server, `1...` for the second; nobody serves anything else. */
static void pass_on(struct relay *relay, const struct peer_heard *heard)
{
	unsigned int server = (unsigned int)(heard->text[0] - '0');
	struct peer_pair *to;
	uint64_t cookie;

	if (server >= SERVERS) {
		assert_int_equal(answer(relay, heard->event.request, DPS_PEER_CODE_UNKNOWN, ""), 0);
		return;
	}
	to = &relay->servers[server];
	cookie = to->a.calls;
	relay->passed[server][cookie].request = heard->event.request;
	relay->passed[server][cookie].id = pair_call(to, &to->a, heard->text);
	relay->passed[server][cookie].is_under_way = true;
}

/* Whoever called waits no more: neither does the relay. */
static void call_off(struct relay *relay, struct dps_handle request)
{
	for (unsigned int server = 0; server < SERVERS; server++)
		for (unsigned int i = 0; i < relay->servers[server].a.calls; i++) {
			if (relay->passed[server][i].request.index != request.index ||
			    relay->passed[server][i].request.generation != request.generation)
				continue;
			relay->passed[server][i].is_under_way = false;
			dps_peer_cancel(relay->servers[server].a.peer, relay->passed[server][i].id,
					relay->servers[server].now_ns);
		}
	assert_int_equal(answer(relay, request, DPS_PEER_CODE_OK, ""), -ECANCELED);
}

static void hear_caller(struct relay *relay, const struct peer_heard *heard)
{
	if (heard->event.kind == DPS_PEER_EVENT_REQUEST)
		pass_on(relay, heard);
	else if (heard->event.kind == DPS_PEER_EVENT_REQUEST_OVER)
		call_off(relay, heard->event.request);
	else if (heard->event.kind == DPS_PEER_EVENT_NOTICE)
		for (unsigned int i = 0; i < SERVERS; i++)
			pair_notify(&relay->servers[i], &relay->servers[i].a, DPS_PEER_BULK,
				    heard->text);
}

static void hear_server(struct relay *relay, unsigned int server, const struct peer_heard *heard)
{
	uint64_t cookie = heard->event.cookie;
	bool is_answered = heard->event.outcome == DPS_PEER_ANSWERED;

	if (heard->event.kind != DPS_PEER_EVENT_CALL_OVER ||
	    !relay->passed[server][cookie].is_under_way)
		return;
	relay->passed[server][cookie].is_under_way = false;
	assert_int_equal(answer(relay, relay->passed[server][cookie].request,
				is_answered ? heard->event.code : DPS_PEER_CODE_INTERNAL,
				is_answered ? pair_answer(&relay->servers[server].a, cookie) : ""),
			 0);
}

static bool relay_hear(struct relay *relay)
{
	bool did = false;

	for (; relay->caller_seen < relay->caller.b.heard_count; did = true)
		hear_caller(relay, &relay->caller.b.heard[relay->caller_seen++]);
	for (unsigned int i = 0; i < SERVERS; i++)
		for (; relay->servers_seen[i] < relay->servers[i].a.heard_count; did = true)
			hear_server(relay, i, &relay->servers[i].a.heard[relay->servers_seen[i]++]);
	return did;
}

static void relay_run(struct relay *relay)
{
	do {
		pair_run(&relay->caller);
		for (unsigned int i = 0; i < SERVERS; i++)
			pair_run(&relay->servers[i]);
	} while (relay_hear(relay));
}

static void relay_pass(struct relay *relay, uint64_t wait_ns)
{
	pair_pass(&relay->caller, wait_ns);
	for (unsigned int i = 0; i < SERVERS; i++)
		pair_pass(&relay->servers[i], wait_ns);
	relay_run(relay);
}

static const struct peer_heard *served(struct relay *relay, unsigned int server)
{
	return pair_heard(&relay->servers[server].b, DPS_PEER_EVENT_REQUEST);
}

static void serve(struct relay *relay, unsigned int server, const struct peer_heard *request,
		  const char *text)
{
	assert_int_equal(
		pair_reply(&relay->servers[server], &relay->servers[server].b, request, text), 0);
	relay_run(relay);
}

static const struct peer_heard *call_over(struct relay *relay, uint16_t code)
{
	const struct peer_heard *over = pair_heard(&relay->caller.a, DPS_PEER_EVENT_CALL_OVER);

	assert_int_equal(over->event.outcome, DPS_PEER_ANSWERED);
	assert_int_equal(over->event.code, code);
	return over;
}

static void relay__passes_a_call_on_and_its_answer_back(void **state)
{
	struct relay relay;

	(void)state;
	relay_open(&relay);
	pair_call(&relay.caller, &relay.caller.a, "0 how many?");
	relay_run(&relay);
	assert_string_equal(relay.servers[0].b.heard[0].text, "0 how many?");
	serve(&relay, 0, served(&relay, 0), "five");
	call_over(&relay, DPS_PEER_CODE_OK);
	assert_string_equal(pair_answer(&relay.caller.a, 0), "five");
	relay_close(&relay);
}

/* Calls to both, answered in another order than they were made: each has its own answer. */
static void relay__does_not_mix_up_calls(void **state)
{
	static const char *const calls[] = { "0 a", "1 b", "0 c", "1 d" };
	const struct peer_heard *requests[4];
	struct relay relay;

	(void)state;
	relay_open(&relay);
	for (unsigned int i = 0; i < 4; i++)
		pair_call(&relay.caller, &relay.caller.a, calls[i]);
	relay_run(&relay);
	for (unsigned int i = 0; i < 4; i++) {
		requests[i] = served(&relay, i % SERVERS);
		assert_string_equal(requests[i]->text, calls[i]);
	}
	for (unsigned int i = 4; i-- > 0;) {
		serve(&relay, i % SERVERS, requests[i], calls[i] + 2);
		assert_int_equal(call_over(&relay, DPS_PEER_CODE_OK)->event.cookie, i);
		assert_string_equal(pair_answer(&relay.caller.a, i), calls[i] + 2);
	}
	relay_close(&relay);
}

/* The relay says so, and nobody else is asked; what a server does not know is passed back. */
static void relay__tells_what_nobody_serves(void **state)
{
	const struct peer_heard *request;
	struct relay relay;

	(void)state;
	relay_open(&relay);
	pair_call(&relay.caller, &relay.caller.a, "9");
	relay_run(&relay);
	call_over(&relay, DPS_PEER_CODE_UNKNOWN);
	for (unsigned int i = 0; i < SERVERS; i++)
		pair_heard_all(&relay.servers[i].b);
	pair_call(&relay.caller, &relay.caller.a, "1?");
	relay_run(&relay);
	request = served(&relay, 1);
	dps_peer_reply(relay.servers[1].b.peer, request->event.request, DPS_PEER_CODE_OWN + 3, NULL,
		       0, relay.servers[1].now_ns);
	relay_run(&relay);
	call_over(&relay, DPS_PEER_CODE_OWN + 3);
	relay_close(&relay);
}

/* Its time is over at the caller: all the way to the server nobody waits any more. */
static void relay__calls_off_what_timed_out(void **state)
{
	struct relay relay;

	(void)state;
	relay_open(&relay);
	pair_call(&relay.caller, &relay.caller.a, "0 slow");
	relay_run(&relay);
	/* The relay's own would come later. */
	pair_pass(&relay.caller, 60 * SECOND);
	relay_run(&relay);
	assert_int_equal(pair_heard(&relay.caller.a, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_TIMED_OUT);
	served(&relay, 0);
	pair_heard(&relay.servers[0].b, DPS_PEER_EVENT_REQUEST_OVER);
	pair_heard_all(&relay.caller.a);
	relay_close(&relay);
}

/* Its caller hears so, the connection between them goes on, and so does the other server. */
static void relay__tells_that_a_server_is_gone(void **state)
{
	struct relay relay;

	(void)state;
	relay_open(&relay);
	pair_call(&relay.caller, &relay.caller.a, "0 lost");
	relay_run(&relay);
	pair_cut(&relay.servers[0]);
	relay_run(&relay);
	call_over(&relay, DPS_PEER_CODE_INTERNAL);
	pair_call(&relay.caller, &relay.caller.a, "1 goes on");
	relay_run(&relay);
	serve(&relay, 1, served(&relay, 1), "yes");
	call_over(&relay, DPS_PEER_CODE_OK);
	/* And over its next connection, the first one, too. */
	relay_pass(&relay, SECOND);
	pair_call(&relay.caller, &relay.caller.a, "0 again");
	relay_run(&relay);
	assert_int_equal(pair_count(&relay.servers[0].b, DPS_PEER_EVENT_REQUEST), 2);
	relay_close(&relay);
}

/* What one says, all who listen hear, in its order and once. */
static void relay__passes_notices_on_to_all(void **state)
{
	static const char *const notices[] = { "one", "two", "three" };
	struct relay relay;

	(void)state;
	relay_open(&relay);
	for (unsigned int i = 0; i < 3; i++)
		pair_notify(&relay.caller, &relay.caller.a, DPS_PEER_BULK, notices[i]);
	relay_run(&relay);
	for (unsigned int server = 0; server < SERVERS; server++) {
		for (unsigned int i = 0; i < 3; i++)
			assert_string_equal(
				pair_heard(&relay.servers[server].b, DPS_PEER_EVENT_NOTICE)->text,
				notices[i]);
		pair_heard_all(&relay.servers[server].b);
	}
	relay_close(&relay);
}

/* Who is told by itself and with all others hears both, in their order; the others hear theirs. */
static void notice__to_one_and_to_all_is_heard_twice(void **state)
{
	struct relay relay;

	(void)state;
	relay_open(&relay);
	pair_notify(&relay.caller, &relay.caller.a, DPS_PEER_BULK, "all of you");
	relay_run(&relay);
	pair_notify(&relay.servers[0], &relay.servers[0].a, DPS_PEER_BULK, "you");
	relay_run(&relay);
	for (unsigned int server = 0; server < SERVERS; server++)
		assert_string_equal(
			pair_heard(&relay.servers[server].b, DPS_PEER_EVENT_NOTICE)->text,
			"all of you");
	assert_string_equal(pair_heard(&relay.servers[0].b, DPS_PEER_EVENT_NOTICE)->text, "you");
	for (unsigned int server = 0; server < SERVERS; server++)
		pair_heard_all(&relay.servers[server].b);
	relay_close(&relay);
}

/* Who is gone for good is an error to the one who tells it, at once; the others hear. */
static void notice__to_one_that_has_gone_says_so(void **state)
{
	struct relay relay;

	(void)state;
	relay_open(&relay);
	dps_peer_close(relay.servers[0].b.peer, 0, 0, relay.servers[0].now_ns);
	relay_run(&relay);
	assert_int_equal(pair_count(&relay.servers[0].a, DPS_PEER_EVENT_CLOSED), 1);
	assert_int_equal(
		pair_notify(&relay.servers[0], &relay.servers[0].a, DPS_PEER_BULK, "anybody?"),
		-ESHUTDOWN);
	assert_int_equal(
		pair_notify(&relay.servers[1], &relay.servers[1].a, DPS_PEER_BULK, "anybody?"), 0);
	relay_run(&relay);
	assert_string_equal(pair_heard(&relay.servers[1].b, DPS_PEER_EVENT_NOTICE)->text,
			    "anybody?");
	relay_close(&relay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relay__passes_a_call_on_and_its_answer_back),
		cmocka_unit_test(relay__does_not_mix_up_calls),
		cmocka_unit_test(relay__tells_what_nobody_serves),
		cmocka_unit_test(relay__calls_off_what_timed_out),
		cmocka_unit_test(relay__tells_that_a_server_is_gone),
		cmocka_unit_test(relay__passes_notices_on_to_all),
		cmocka_unit_test(notice__to_one_and_to_all_is_heard_twice),
		cmocka_unit_test(notice__to_one_that_has_gone_says_so),
	};

	return cmocka_run_group_tests_name("peer_relay", tests, NULL, NULL);
}
