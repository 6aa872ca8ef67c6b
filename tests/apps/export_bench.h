/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Export bench: an outgoing transfer whose connections the test takes away and gives: the collector
 * is the other end of a socket pair, commands to the lane are kept for the test to answer, files
 * are real.
 */
#pragma once
#include "apps/dpdk-streamd/export_transfer.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"

enum {
	CHUNK = 65536,
	COMMANDS_MAX = 256,
	WAIT_MS = 10000,
	LANE_CHANNEL = 3,
	FILES_MAX = 4,
};

extern struct dps_lane_command commands[COMMANDS_MAX];
extern unsigned int commands_count;
extern struct dps_lane_snapshot lane;
extern struct dps_options options;
extern struct dps_worker worker;
extern struct dps_live *live; /* NULL: files */

struct fixture {
	struct scratch disk;
	struct dps_clock clock;
	struct dps_loop loop;
	struct dps_report report;
	struct dps_source *source;
	struct dps_peer_link link;
	struct dps_connection collector; /* the other end */
	bool has_collector;
	struct dps_mirror mirror;
	bool has_mirror;
	struct dps_export export;
	struct dps_message heard;
	unsigned int commands_seen;
	uint32_t generation;
	bool made_sense;
};

void connect_ends(struct fixture *fixture);
void disconnect(struct fixture *fixture);
int set_up(void **state);
void turn(struct fixture *fixture);
void turn_some(struct fixture *fixture);
void give_back(struct fixture *fixture);
int tear_down(void **state);
void make_file(struct fixture *fixture, const char *name, size_t size_bytes);
struct dps_digest digest_of(const char *name, size_t size_bytes);
void say(struct fixture *fixture, const struct dps_message *message);
/* Turns until the exporter says something of a type; others are read over ... */
const struct dps_message *hear(struct fixture *fixture, enum dps_message_type type);
/* ... or are wrong. */
const struct dps_message *hear_next(struct fixture *fixture, enum dps_message_type type);
void say_accept(struct fixture *fixture, uint32_t files_end, const struct dps_message_item *items,
		uint32_t items_count);
void say_stored(struct fixture *fixture, uint32_t file);
void say_resumed(struct fixture *fixture, uint32_t files_end, const struct dps_message_hold *holds,
		 uint32_t holds_count);
const struct dps_lane_command *next_command(struct fixture *fixture, uint8_t type);
void open_channel(struct fixture *fixture);
struct dps_lane_event piece(struct fixture *fixture, uint32_t file, char letter, uint64_t offset);
void read_pieces(struct fixture *fixture, uint32_t file, uint64_t from, uint64_t end);
/* The tree is offered. */
void begin_offered(struct fixture *fixture);
/* ... and accepted, and its channel open. */
void begin(struct fixture *fixture);
void open_mirror(struct fixture *fixture);
void run_again(struct fixture *fixture);
void change_in_place(struct fixture *fixture, const char *name);
void lose(struct fixture *fixture);
void ask_to_resume(struct fixture *fixture);
/* The control connection is lost, and the path is not. */
void detach(struct fixture *fixture);
void ask_to_attach(struct fixture *fixture);
void say_attached(struct fixture *fixture, uint32_t files_end, uint32_t offered_end);
