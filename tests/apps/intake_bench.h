/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Intake bench: an incoming transfer between an exporter and a lane that the test plays: messages
 * go over a socket pair, commands to the lane are kept for the test to answer; workers and disk are
 * real.
 */
#pragma once
#include "apps/dpdk-streamd/intake.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"

enum {
	CHUNK_BYTES = 65536,
	COMMANDS_MAX = 256,
	WAIT_MS = 10000,
	FILES_MAX = 8,
};

#define STAGED DPS_STAGING_FOLDER "/01020300000000000000000000000000"

extern struct dps_lane_command commands[COMMANDS_MAX];
extern unsigned int commands_count;

struct fixture {
	struct scratch disk;
	struct dps_staging staging;
	struct dps_journal *journal;
	struct dps_clock clock;
	struct dps_loop loop;
	struct dps_worker store, examiner;
	struct dps_report report;
	struct dps_options options;
	struct dps_collect_context context;
	struct dps_peer_link link;
	struct dps_connection exporter; /* the other end */
	struct dps_intake *intake;
	struct dps_message heard; /* of the exporter's end, to be given back */
	unsigned int port;
	struct dps_transfer_id id;
	struct dps_message_file files[FILES_MAX];
	uint32_t files_count;
	unsigned int commands_seen;
	/* Of the connection that there is. */
	uint32_t number;
	uint32_t path;
	uint32_t channel;
	uint32_t generation;
	uint64_t skew_ns; /* what the test pretends to have waited */
};

void connect_ends(struct fixture *fixture);
/* The connection breaks: the lane gives back what it has only if is_given_back. */
void lose(struct fixture *fixture, bool is_given_back);
/* Another connection, on which the exporter asks to go on. */
void ask_to_resume(struct fixture *fixture, uint32_t files);
/* The exporter has forgotten the last one, which left memory, and offers the files again. */
void begin_anew(struct fixture *fixture);
/* It stays away for too long: the transfer leaves memory. */
void put_away(struct fixture *fixture);
/* And comes back then. */
void ask_to_load(struct fixture *fixture, uint32_t files);
int set_up(void **state);
void turn(struct fixture *fixture);
void give_back(struct fixture *fixture);
void wait_until_gone(struct fixture *fixture);
int tear_down(void **state);
void say(struct fixture *fixture, const struct dps_message *message);
const struct dps_message *hear(struct fixture *fixture, enum dps_message_type type);
void add(struct fixture *fixture, const char *name, uint64_t size_bytes);
void begin(struct fixture *fixture);
void say_last(struct fixture *fixture);
void say_compared(struct fixture *fixture, uint32_t file, bool is_same);
void say_skip(struct fixture *fixture, uint32_t file, uint64_t from_bytes);
const struct dps_lane_command *next_command(struct fixture *fixture, uint8_t type);
unsigned int count_commands(uint8_t type);
void turn_some(struct fixture *fixture);
void open_channel(struct fixture *fixture);
void begin_accepted(struct fixture *fixture);
void tell(struct fixture *fixture, struct dps_event event);
struct dps_digest content_of(uint32_t file, uint64_t size_bytes, uint8_t *bytes);
void receive_piece(struct fixture *fixture, const struct dps_lane_command *command,
		   uint64_t offset);
void end_file(struct fixture *fixture, const struct dps_lane_command *command, int error);
void receive_file(struct fixture *fixture, const struct dps_lane_command *command);
void say_digest(struct fixture *fixture, uint32_t file, const struct dps_digest *digest);
void say_right_digest(struct fixture *fixture, uint32_t file);
bool holds(struct fixture *fixture, uint32_t file);
bool is_there(struct fixture *fixture, const char *name);
