/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rig: two or three hosts with real lanes on one simulated link, and a small control plane that
 * opens paths and channels, announces files, and carries what the real one would: skips, pieces
 * that are wanted again, and what is stored. Its connections are lost and come back, its hosts are
 * killed and started again, and the transfers go on as docs/protocol.md has it; what a collector's
 * journal would hold is kept in the files here, and survives.
 */
#pragma once
#include "drivers/lane.h"
#include "drivers/sim/sim_check.h"
#include "drivers/sim/sim_content.h"
#include "drivers/sim/sim_filter.h"
#include "drivers/sim/sim_host.h"
#include "engine/congestion.h"
#include <dps/layout.h>

enum rig_limits {
	RIG_HOSTS = 4,
	RIG_PATHS = 4,
	RIG_TRANSFERS = 8,
	RIG_RESENDS = 256,
	RIG_NAME_BYTES = 16,
	RIG_FAULTS = 8,
	RIG_DELAYS = 256,
};

/* In struct rig_file.from: nothing of the file is announced. */
#define RIG_NOTHING UINT64_MAX

struct rig_host_config {
	unsigned int side;   /* of the link */
	uint32_t lane;	     /* of its process: 0, or one more ... */
	unsigned int beside; /* ... than the host that has lane 0, with its address */
	struct dps_sim_host_config host;
	struct dps_sim_port_config port;
	struct dps_sim_disk_config disk;
	struct dps_limits limits;
};

struct rig;

struct rig_host {
	struct rig *rig;
	struct dps_sim_host host;
	struct dps_sim_port port;
	struct dps_sim_disk disk;
	struct dps_lane *lane;
	uint32_t lane_index;
	unsigned int process; /* index of the host that is its lane 0: they die together */
	struct dps_limits limits;
	char names[3][RIG_NAME_BYTES];	  /* of host, port, disk */
	struct dps_lane_command *waiting; /* for room in the mailbox, in order */
	unsigned int waiting_first;
	unsigned int waiting_count;
	unsigned int waiting_capacity;
	bool is_stopped;
	bool is_dead;	/* then lane is NULL */
	uint32_t lives; /* so far */
};

/* A control connection and its path. End i is at side i of the link; end 0 dials. */
struct rig_path {
	unsigned int hosts[2];
	uint32_t indexes[2];
	uint64_t ids[2]; /* that end i chose and gave to the other */
	bool is_reserved[2];
	bool is_asked;
	bool is_open[2];
	uint32_t check;
	uint32_t connections; /* so far: their numbers start with 1 */
	uint32_t connection;  /* the one that carries messages; 0 for none */
	uint32_t links[2];    /* the one that the end believes to have; 0 when it knows better */
	bool is_hello_due[2];
	uint32_t epochs[2];  /* the connection that the end opened its path on */
	bool is_detached[2]; /* the end has lost its connection, and the path goes on */
	bool is_attaching;   /* end 0 has asked for its path on a new connection */
	uint64_t dialed_at_ns;
	bool is_dialing;
	uint32_t dials;
	uint64_t back_at_ns; /* the connection; 0 once data flows */
	bool is_untrusted;   /* an end of it lies: nothing is asked of its transfers */
	const struct dps_address *claims[2]; /* what an end says its address is; NULL: the truth */
};

struct rig_file {
	uint64_t offset; /* in the channel */
	uint64_t bytes;
	int fds[2];
	bool is_done[2];
	int32_t opens_count[2]; /* names of it that a lane has and has not given back */
	bool is_skipped;	/* may lack bytes, on purpose or for an error */
	uint64_t skip_from[2];	/* that end is to skip it from there; UINT64_MAX for not */
	uint64_t from[2];     /* of the file: what this life is about; RIG_NOTHING for none of it */
	uint64_t *digests[2]; /* by piece; 0 for one that the end does not know */
	uint32_t pieces_count;
	/* The collector's memory. */
	bool *is_piece_written;
	bool *is_piece_wanted; /* again, as its digest was wrong */
	uint32_t lead;	       /* so many first pieces are written */
	uint32_t syncing;      /* so many of them does this round make durable */
	bool is_in_round;
	bool is_empty_done;
	bool is_stored; /* published, and said */
	/* The collector's journal, and what is found on its disk. */
	uint32_t journalled; /* so many first pieces */
	bool is_row;	     /* about to be published: digest and inode */
	bool is_renamed;
	bool is_failed;
	/* The exporter was told that it is stored: never to be taken back. */
	bool is_told;
};

/* What the collector's store does for a transfer, one after the other. */
enum rig_step {
	RIG_STEP_NONE,
	RIG_STEP_SYNCING,
	RIG_STEP_COMMITTING,
	RIG_STEP_RENAMING,
	RIG_STEP_SAYING,
};

struct rig_piece {
	uint64_t offset; /* in the channel */
	uint32_t bytes;
	uint32_t file;
};

/* A source that is read once: see rig_live.c. */
struct rig_live {
	uint64_t ring_bytes; /* 0: there is none, but files */
	uint64_t bytes_per_s;
	uint64_t read_at_ns;
	uint64_t ready;	 /* written by its producer, and not read */
	uint64_t filled; /* read: whole chunks, or all */
	uint64_t lowest; /* held by the collector, and not there any more */
	uint64_t told;	 /* to the collector, on this connection ... */
	uint64_t known;	 /* ... and heard */
	uint64_t announced[2];
	uint32_t stretches[2];
	bool is_begun[2];
	uint64_t full_count;   /* looks at a source that was held up */
	bool is_out_of_window; /* the collector needs what is gone ... */
	uint64_t lowest_told;  /* ... and has heard what could be had; 0: not */
};

struct rig_transfer_config {
	unsigned int path;
	unsigned int sender; /* the end that has the files */
	uint32_t number;     /* on the wire */
	uint64_t window_bytes;
	uint64_t start_after_ns; /* from the run's start */
	uint64_t content_seed;	 /* of all its files; DPS_SIM_CONTENT_ZEROS for zeros */
	uint32_t announced_max;	 /* files announced and not done */
	/*
	 * Of a transfer that goes over several paths: which of their chunks this part has, as in
	 * struct dps_channel_config. All parts have the same files. No faults: what a part has of a
	 * file is not its beginning.
	 */
	uint16_t stripe;
	uint16_t stripes; /* 0: it is the whole */
};

struct rig_transfer {
	struct rig_transfer_config config;
	struct rig *rig;
	struct dps_layout layout;
	struct rig_file *files;
	uint32_t files_count;
	uint32_t channels[2]; /* the lanes' indexes */
	uint32_t generations[2];
	bool is_asked;
	bool is_opened[2];
	bool is_closing[2]; /* the end was told to close it */
	bool is_cancelled;
	bool is_done[2];
	bool is_last_told[2];
	uint32_t announced_count[2];
	uint32_t done_count[2];
	uint64_t written;    /* in the channel: the receiver has put everything below on its disk */
	uint64_t stored;     /* and this was fsynced, and told */
	uint64_t checkpoint; /* being fsynced; what it will make stored */
	uint64_t end_offset; /* of the channel, once that is known */
	uint32_t syncs_pending;
	bool has_sync_failed;
	enum rig_step step;
	uint32_t round;		   /* of the store; what is late from an older one moves nothing */
	bool is_ending;		   /* all has come: the next round starts at once */
	bool is_round_void;	   /* a newer life goes on behind what the round would journal */
	uint32_t round_life;	   /* of the receiver */
	uint32_t lives[2];	   /* of the ends */
	bool is_ready[2];	   /* the end knows what to announce */
	uint32_t first_connection; /* that it began on */
	uint32_t resuming;	   /* connection that waits for an answer; 0 for none */
	bool is_over;		   /* the exporter has heard that all is done */
	uint64_t sent_end;	   /* of the data seen, in all lives */
	uint64_t again_bytes;	   /* of data that was sent before in an older life */
	uint64_t again_max;	   /* at most so many were not durable */
	uint64_t last_data_ns;	   /* when the last packet of data left */
	uint64_t over_ns;	   /* when the exporter heard that all is done */
	struct rig_piece resends[RIG_RESENDS]; /* to be sent again, one after the other */
	unsigned int resends_count;
	uint64_t refetches;
	uint64_t no_space_count; /* writes that found no space */
	bool is_again_due;	 /* they will be made again ... */
	uint32_t again_life;	 /* ... in this life of the receiver */
	uint64_t pieces[2];
	struct rig_live live;
};

enum rig_fault_type {
	RIG_FAULT_CONTROL, /* the control connection of a path is lost */
	RIG_FAULT_CABLE,   /* nothing gets through, but the control connection stays */
	RIG_FAULT_BOTH,	   /* all control connections, and nothing gets through for a while */
	RIG_FAULT_KILL,	   /* a host dies, and starts again after a while */
	RIG_FAULT_KILL_ALL,
};

/* A misfortune that waits for so many packets of data. */
struct rig_fault {
	struct rig *rig;
	enum rig_fault_type type;
	unsigned int index; /* of the path or host */
	uint64_t after_packets;
	uint64_t for_ns;
	bool has_struck;
};

struct rig_config {
	uint64_t seed;
	uint64_t start_ns;
	struct dps_sim_way_config ways[2];
	uint64_t control_ns_min; /* how long the control connection takes */
	uint64_t control_ns_max;
	uint64_t checkpoint_ns; /* between checkpoints */
	uint64_t commit_ns_min; /* of a journal's commit, and of the renames with their sync */
	uint64_t commit_ns_max;
	uint64_t stuck_ns; /* no progress for so long fails the run */
	uint8_t congestion_mode;
	uint64_t rate_bytes_per_s;
	uint64_t probe_floor_ns;
	uint64_t silence_ns;
	uint64_t stop_after_packets; /* of data: the run is cut short there; 0: it is not */
	bool never_attaches;	     /* who loses a connection closes its path, too */
	bool is_thin;		     /* see sim_port.h: for measuring */
};

struct rig {
	struct dps_sim sim;
	struct dps_sim_link link;
	struct dps_sim_check check;
	struct dps_sim_drops drops; /* the link's filter */
	struct dps_sim_node control;
	struct rig_config config;
	struct dps_seal seal;
	struct rig_host hosts[RIG_HOSTS];
	struct rig_path paths[RIG_PATHS];
	struct rig_transfer transfers[RIG_TRANSFERS];
	unsigned int hosts_count;
	unsigned int paths_count;
	unsigned int transfers_count;
	uint64_t events_count; /* from all lanes: a measure of progress */
	struct dps_sim_queue messages;
	uint64_t latest_message_ns[2]; /* the control connection keeps its order */
	uint64_t next_checkpoint_ns;
	bool is_stopping;
	struct rig_fault faults[RIG_FAULTS];
	unsigned int faults_count;
	bool may_park;			/* else a path that is lost is a failure */
	uint64_t delays_ns[RIG_DELAYS]; /* from control connection back to first data */
	unsigned int delays_count;
	uint64_t resumes_count;
	uint64_t attaches_count;
	uint64_t refused_count;	       /* attaches after which it had to be resumed */
	unsigned int superseded_count; /* connections that a newer one ended */
	/* For stories; NULL for none: a store starts a step. */
	void (*on_step)(void *context, struct rig_transfer *transfer);
	void *step_context;
	uint32_t lies_one_in; /* of data from side 0: a wrong byte, well sealed; 0 for none */
	uint64_t lies_count;
	bool is_sealed;		   /* paths have keys (rig_seal.c); then there are no lies */
	struct attacker *attacker; /* on the way (attacker.h); owned; NULL for none */
	struct liar *liar;	   /* with keys (liar.h); NULL for none */
};

/* The world and its link; then hosts, paths, transfers and files are added, and it runs. */
struct rig *rig_create(const struct rig_config *config);

/* ---- rig_seal.c ---- */
void rig_add_rooms(struct rig_host *host, struct dps_lane_config *lane);
/* Of an end of a path, for the connection that it is opened on; NULL in a clear world. */
struct dps_seal *rig_make_seal(const struct rig *rig, const struct rig_path *path,
			       unsigned int end);
/* Seals what an end of a path has sent once more, after it was changed: no honest lane does. */
void rig_seal_again(const struct rig *rig, const struct rig_path *path, unsigned int end,
		    uint8_t *bytes, uint32_t length);
/* How often something was sealed with a key in this run, each time under another nonce. */
size_t rig_nonces_count(void);
void rig_forget_nonces(void);

/* A config of defaults: 10 Gb/s, 10 ms RTT, no faults, fair, control 5 ms. */
void rig_config_init(struct rig_config *config, uint64_t seed);
void rig_host_config_init(struct rig_host_config *config, unsigned int side, uint32_t mtu,
			  uint64_t window_bytes, uint32_t chunk_bytes);

unsigned int rig_add_host(struct rig *rig, const struct rig_host_config *config);

/* A path between a host of side 0 and one of side 1; opened at once. */
unsigned int rig_add_path(struct rig *rig, unsigned int host_0, unsigned int host_1);

unsigned int rig_add_transfer(struct rig *rig, const struct rig_transfer_config *config);

/* A file of so many bytes; read_bytes fewer when it shrank; bad_offset of a page that fails, per
 * end. */
void rig_add_file(struct rig *rig, unsigned int transfer, uint64_t bytes, uint64_t read_bytes,
		  const uint64_t bad_offsets[2]);

/*
 * In place of files, a source of so many bytes: they come at this pace, into a ring that holds so
 * many until the collector has them on disk. Its exporter must not die.
 */
void rig_add_source(struct rig *rig, unsigned int transfer, uint64_t bytes, uint64_t ring_bytes,
		    uint64_t bytes_per_s);

/* At that moment an end gives up the rest of a file, from this offset of the file on. */
void rig_skip_file(struct rig *rig, unsigned int transfer, unsigned int end, uint32_t file,
		   uint64_t from_offset, uint64_t at_ns);

/* At that moment an end cancels a transfer; the other hears of it. */
void rig_cancel(struct rig *rig, unsigned int transfer, unsigned int end, uint64_t at_ns);

/* Adds a misfortune that strikes after so many packets of data. */
void rig_add_fault(struct rig *rig, const struct rig_fault *fault);

/* The control connection of a path is gone; both ends notice sooner or later, and it comes back. */
void rig_lose_control(struct rig *rig, unsigned int path);

/* A host dies, now: only what was fsynced stays, by chance more. It starts again after a while. */
void rig_kill(struct rig *rig, unsigned int host, uint64_t for_ns);

/* Whether every transfer is done and stored, or cancelled. */
bool rig_is_done(const struct rig *rig);

/* Runs until all is done, or the world fails, or this moment; then what is not done is a failure.
 */
void rig_run(struct rig *rig, uint64_t until_ns);

/* Stops the lanes, asks what must hold at the end, and frees all but the failure's text. */
void rig_finish(struct rig *rig);

/* Frees all. */
void rig_destroy(struct rig *rig);
