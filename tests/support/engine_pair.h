/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Engine pair: two engines back to back, with a network, two disks and a control connection between
 * them that are as bad as asked for. No port, no thread; packets are memory, time is a number. All
 * that happens follows from the seed.
 */
#pragma once
#include "engine/random.h"
#include "engine/state.h"
#include <dps/layout.h>

enum {
	PAIR_TRANSFERS_MAX = 1024,
	PAIR_PENDING_MAX = 1024, /* reads and writes, held packets, control messages: of each */
	PAIR_FLIGHT_MAX = 8192,	 /* datagrams; what is more is lost */
};

struct pair_options {
	uint64_t seed;
	struct dps_limits limits;
	uint64_t window_bytes;
	uint32_t datagram_bytes;     /* what both ends believe */
	uint32_t way_datagram_bytes; /* what the way between them carries */
	uint8_t congestion_mode;
	uint64_t rate_bytes_per_s;
	uint64_t silence_ns;
	uint64_t delay_ns;  /* one way */
	uint64_t jitter_ns; /* at most so much more: packets overtake each other */
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t damage_ppm; /* the seal finds it */
	uint64_t disk_ns;    /* a read or write takes at most so long; they end in any order */
	uint64_t hold_ns;    /* the port keeps a body at most so long */
	uint64_t control_ns; /* a message takes */
	uint32_t bad_digest_ppm;
	uint32_t bad_write_ppm;
	uint32_t full_write_ppm; /* finds no space, until it is made again */
	uint32_t bad_read_ppm;
	/*
	 * A path's seal with keys, of the packets with one connection id and with the other;
	 * whoever asks, one direction has one key. The pair's then. NULL: there are none, and what
	 * is damaged is known.
	 */
	struct dps_seal *(*make_seal)(uint64_t sent_id, uint64_t received_id);
};

struct pair_file {
	uint64_t offset;
	uint64_t bytes;
	uint64_t held_bytes;	/* of its start: there from an earlier life of the transfer */
	uint8_t *writes;	/* per page: how often; NULL of an endless file */
	unsigned int done[2];	/* FILE_DONE events at each side */
	unsigned int refetches; /* asked for */
	bool is_failed;		/* or skipped: need not arrive whole */
};

struct pair_transfer {
	uint32_t number;
	unsigned int from;	  /* the sending side */
	uint16_t stripe, stripes; /* of its channels; 0, 0: all chunks are theirs */
	uint32_t channel[2];
	bool is_open[2];
	bool is_done[2];
	bool is_given_up; /* closed in the middle */
	struct dps_layout layout;
	struct pair_file *files;
	uint32_t files_count;
	uint32_t announced[2];
	bool is_whole; /* no file follows */
	uint64_t written, stored;
};

struct pair_datagram {
	uint64_t at_ns;
	uint64_t order;
	uint8_t *bytes;
	uint32_t length;
	bool is_damaged;
};

struct pair_io {
	uint64_t at_ns;
	struct dps_io io;
};

struct pair_hold {
	uint64_t at_ns;
	uint32_t slot;
};

enum pair_message_type { PAIR_SKIP, PAIR_REFETCH };

struct pair_message {
	uint64_t at_ns;
	enum pair_message_type type;
	uint32_t transfer;
	uint32_t file;
	uint64_t offset; /* in the channel */
	uint32_t bytes;
};

struct pair_side {
	struct dps_engine *engine;
	uint8_t *slots;
	uint64_t connection_id;
	uint32_t path;
	bool is_open, is_lost;
	int32_t lost_reason;
	uint32_t payload_bytes;
	struct pair_datagram inbox[PAIR_FLIGHT_MAX]; /* a heap by at_ns, order */
	uint32_t inbox_count;
	struct pair_io ios[PAIR_PENDING_MAX];
	uint32_t ios_count;
	struct pair_hold holds[PAIR_PENDING_MAX];
	uint32_t holds_count;
	struct pair_message messages[PAIR_PENDING_MAX]; /* to this side, in order */
	uint32_t messages_count;
	uint64_t data_packets; /* emitted */
	struct dps_seal *seal; /* of the path */
};

struct pair {
	struct pair_options options;
	struct dps_random random;
	struct pair_side *sides; /* two */
	struct pair_transfer transfers[PAIR_TRANSFERS_MAX];
	uint32_t transfers_count;
	uint64_t now_ns;
	uint64_t order;
	uint64_t turns;
	bool is_cut;	  /* nothing arrives */
	bool has_waiting; /* files that there was no room to announce */
	bool is_disk_asleep[2];
	uint64_t write_again_at_ns[2]; /* what found no space; DPS_NEVER_NS: nothing did */
	unsigned int no_space_count;   /* events of it */
	uint32_t writes_to_spoil;      /* the next so many are told to have a wrong digest */
	/* Whether a packet out of a side gets lost; NULL asks nobody. */
	bool (*is_lost)(struct pair *pair, unsigned int from, const uint8_t *bytes,
			uint32_t length);
	/* Who is on the way sees each packet as it leaves a side; NULL: nobody is. */
	void (*on_way)(struct pair *pair, unsigned int from, const uint8_t *bytes, uint32_t length);
	/* What a read or write has to end with, bytes or -errno; NULL: as the options say. */
	int64_t (*end_io)(struct pair *pair, unsigned int which, const struct dps_io *io);
	uint64_t mark; /* for those two */
};

/* A quiet world: 64 KiB chunks, 16 of them in the window, 100 us one way, nothing goes wrong. */
void pair_options_init(struct pair_options *options, uint64_t seed);

/* Opens a path in both engines; pair_close frees everything and checks that nothing is missing. */
void pair_open(struct pair *pair, const struct pair_options *options);
void pair_close(struct pair *pair);

/* The path that a side has reserved, towards what the other has. */
void pair_open_path(struct pair *pair, unsigned int which);

/* Each side opens its channel when it is told to; files are announced while there is room. */
struct pair_transfer *pair_add_transfer(struct pair *pair, unsigned int from);
void pair_open_channel(struct pair *pair, struct pair_transfer *transfer, unsigned int which);
void pair_close_channel(struct pair *pair, struct pair_transfer *transfer, unsigned int which);
void pair_add_file(struct pair *pair, struct pair_transfer *transfer, uint64_t bytes);
/* The file added last is partly there already: whole chunks of it. */
void pair_hold_file(struct pair_transfer *transfer, uint64_t held_bytes);
/* One that is larger than memory, and must not be written. */
void pair_add_endless_file(struct pair *pair, struct pair_transfer *transfer, uint64_t bytes);

/* Skips a file from an offset of it at one side, which tells the other. */
void pair_skip(struct pair *pair, struct pair_transfer *transfer, unsigned int which, uint32_t file,
	       uint64_t from);

/* Both sides once, and on to the next moment at which anything is due, at most to until_ns. */
void pair_turn(struct pair *pair, uint64_t until_ns);
void pair_run_for(struct pair *pair, uint64_t ns);

/* Until both sides are done with every transfer; fails when that takes longer than limit_ns. */
void pair_run(struct pair *pair, uint64_t limit_ns);

/* Every file that did not fail was written once, every file was done once at either side. */
void pair_expect_written(struct pair *pair);

/* What must hold in an engine between any two calls. */
void pair_check_engine(struct pair *pair, const struct dps_engine *engine);

/* Fails the test and says with which seed; checks stay on one line with it. */
_Noreturn void pair_fail(const struct pair *pair, const char *what, int line);
#define pair_check(pair_, condition_)                                                              \
	((condition_) ? (void)0 : pair_fail(pair_, #condition_, __LINE__))

/* Seeds of a property test: first..first+count-1, or only the one named on the command line. */
struct pair_seeds {
	uint64_t first;
	uint64_t end;
};
void pair_seeds_from(int argc, char **argv);
struct pair_seeds pair_seeds(uint64_t count);

/*
 * Gives a side one packet from the other; fills in version, length and connection id. False when it
 * was dropped unopened.
 */
bool pair_inject(struct pair *pair, unsigned int to, struct dps_header header, const void *payload,
		 uint32_t payload_bytes, bool is_good);

/* Somebody else's packet goes its way to a side. */
void pair_send(struct pair *pair, unsigned int to, const uint8_t *bytes, uint32_t length);

/* What stands in a file, and the digest of its piece at an offset. */
void pair_fill(uint8_t *memory, uint32_t file, uint64_t offset, uint32_t bytes);
bool pair_is_right(const uint8_t *memory, uint32_t file, uint64_t offset, uint32_t bytes);
void pair_digest(struct dps_digest *digest, uint32_t file, uint64_t offset);

struct dps_engine_counters pair_counters(const struct pair *pair, unsigned int which);
