/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Journal: what a transfer needs to go on after its process died, in one SQLite file (WAL). The
 * collector keeps its journal in the staging folder, the exporter a mirror in its state folder.
 *
 * A journal holds transfers; a transfer holds a list of files, numbered from 0 without gap; a file
 * that is not settled holds digests of pieces. Everything written between begin and commit is there
 * together after a crash or not at all, and costs one fsync.
 *
 * Nothing on disk is trusted: what is not as this code writes it answers -EUCLEAN, never a crash.
 * A file that is refused is neither changed nor deleted.
 *
 * Every call but open answers 0 or -errno, and dps_journal_trouble then has the sentence:
 *   -ENOSPC   the disk is full, or a quota or file size limit reached
 *   -EIO      the disk failed
 *   -EROFS    the file or its file system can not be written
 *   -EUCLEAN  the file is damaged
 *   -EBUSY    another process has kept it for busy_ms
 *   -ENOMEM
 * A write that failed, for whatever reason, dooms what was begun: commit then rolls back and
 * answers that error. A new begin may succeed once the disk has room again.
 *
 * Owner: the store thread. Every call may wait for the disk. Memory that a callback or a find lends
 * is good until the callback returns, or until the next call with this journal. A callback returns
 * 0, or another value that ends the reading and is its answer; it calls nothing of this journal.
 */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_journal_limits {
	DPS_JOURNAL_SENTENCE_BYTES = 1024,
	DPS_JOURNAL_BUSY_MS = 5000,
	/* What is longer is refused by put and damage when read. */
	DPS_JOURNAL_KEY_BYTES_MAX = 4 << 20,
	DPS_JOURNAL_PATH_BYTES_MAX = 4096,
	DPS_JOURNAL_ERROR_BYTES_MAX = 1024, /* of a code, of a text */
	DPS_JOURNAL_RUN_PIECES_MAX = 4096,  /* of one row, so of one call back */
};

#define DPS_JOURNAL_UNKNOWN UINT64_MAX /* a size or total that nobody has said yet */

enum dps_journal_sync {
	DPS_JOURNAL_SYNC_FULL = 1, /* a commit is on the disk when it returns (the collector) */
	/* A power cut may take the last commits, a kill takes none (the exporter's mirror). */
	DPS_JOURNAL_SYNC_NORMAL,
};

struct dps_journal_config {
	int folder_fd;	    /* borrowed for the call; the journal stays in this very folder */
	const char *folder; /* the same, for sentences */
	const char *name;   /* of the file, one part; NAME-wal and NAME-shm belong to it */
	enum dps_journal_sync sync;
	unsigned int busy_ms; /* how long to wait for another process; DPS_JOURNAL_BUSY_MS */
};

struct dps_journal;

/*
 * Opens a journal, made when there is none. No symlink is followed. Returns 0, or -errno and a
 * sentence (DPS_JOURNAL_SENTENCE_BYTES) that names the file and says what to do; then nothing was
 * changed. Errors: those above, and
 *   -EPROTONOSUPPORT  a newer version wrote it
 *   -EACCES, -EROFS   file or folder can not be written
 *   -ELOOP, -EINVAL   a symlink, a folder or a special file stands there
 *   -ENOSYS           Linux before 5.6
 */
int dps_journal_open(struct dps_journal **journal, const struct dps_journal_config *config,
		     char *sentence);

/* NULL is allowed. Rolls back what is not committed. */
void dps_journal_close(struct dps_journal *journal);

/* What the last call that failed has to say: a sentence with the file's name. Lent. */
const char *dps_journal_trouble(const struct dps_journal *journal);

/*
 * Begins to write, and waits for other processes that do; so a find after it is still true at
 * commit. Everything that writes stands between begin and commit; reads may stand anywhere. A
 * commit that fails is rolled back: nothing of it can be read again, though after a failed fsync it
 * may show up when the file is opened anew. Rolling back never fails, and does nothing when
 * nothing was begun.
 */
int dps_journal_begin(struct dps_journal *journal);
int dps_journal_commit(struct dps_journal *journal);
void dps_journal_roll_back(struct dps_journal *journal);

/* ---- transfers ---- */

enum dps_journal_transfer_state {
	DPS_JOURNAL_TRANSFER_ACTIVE = 1,
	DPS_JOURNAL_TRANSFER_CANCELLED,
	DPS_JOURNAL_TRANSFER_FINISHED,
};

struct dps_journal_transfer {
	struct dps_transfer_id id;
	/*
	 * Any bytes, not unique. The exporter finds a transfer again by it (peer and paths); the
	 * collector writes the exporter's address for its log.
	 */
	const void *key;
	size_t key_bytes;
	uint32_t chunk_bytes; /* > 0 */
	uint64_t total_files; /* or DPS_JOURNAL_UNKNOWN, as total_bytes */
	uint64_t total_bytes; /* < 2^63 */
	bool has_last;	      /* nothing will be appended to the list */
	uint8_t state;	      /* enum dps_journal_transfer_state */
	int64_t created_at_s; /* wall clock, since 1970 */
	int64_t touched_at_s;
};

/* Writes a transfer, in place of the one with its id; files stay. -EMSGSIZE: the key is too long.
 */
int dps_journal_put_transfer(struct dps_journal *journal,
			     const struct dps_journal_transfer *transfer);

/* Says that a transfer was in use at that time. -ENOENT. */
int dps_journal_touch_transfer(struct dps_journal *journal, const struct dps_transfer_id *id,
			       int64_t touched_at_s);

/* Removes a transfer with its files and pieces; it may be gone already. */
int dps_journal_forget_transfer(struct dps_journal *journal, const struct dps_transfer_id *id);

/* -ENOENT: there is none. */
int dps_journal_find_transfer(struct dps_journal *journal, const struct dps_transfer_id *id,
			      struct dps_journal_transfer *transfer);

/* The one touched last of those with this key, whatever its state. -ENOENT. */
int dps_journal_find_key(struct dps_journal *journal, const void *key, size_t key_bytes,
			 struct dps_journal_transfer *transfer);

typedef int dps_journal_on_transfer(void *context, const struct dps_journal_transfer *transfer);

/* Reads all transfers, in no order. */
int dps_journal_read_transfers(struct dps_journal *journal, dps_journal_on_transfer *on_transfer,
			       void *context);

/* ---- files ---- */

enum dps_journal_file_state {
	DPS_JOURNAL_FILE_WAITING = 1, /* listed, nothing of it was moved */
	DPS_JOURNAL_FILE_OPEN,
	DPS_JOURNAL_FILE_PUBLISHING, /* whole and verified; perhaps renamed, see its inode */
	DPS_JOURNAL_FILE_STORED,     /* this and the next two are settled */
	DPS_JOURNAL_FILE_SAME,	     /* was there already */
	DPS_JOURNAL_FILE_FAILED,
};

static inline bool dps_journal_is_settled(enum dps_journal_file_state state)
{
	return state >= DPS_JOURNAL_FILE_STORED;
}

struct dps_journal_file {
	uint32_t index;
	const void *path; /* any bytes, 1 to DPS_JOURNAL_PATH_BYTES_MAX */
	size_t path_bytes;
	uint64_t size_bytes; /* < 2^63, or DPS_JOURNAL_UNKNOWN */
	int64_t mtime_ns;
	uint32_t mode;
	bool is_folder;
	uint8_t state; /* enum dps_journal_file_state */
	bool has_identity;
	bool has_head;
	bool has_digest;
	uint64_t device; /* the identity: of the source, or of the staged file */
	uint64_t inode;
	/* Of its first piece; of one that waits and has a digest, whatever tells its target again.
	 */
	struct dps_digest head;
	struct dps_digest digest; /* of all of it */
	const char *error_code;	  /* of a failed one, else NULL, as error_text */
	const char *error_text;
};

/*
 * Writes files with consecutive indices, in place of those that are there; pieces stay. -ESTALE:
 * the file before the first one is not there, or there is no such transfer. -EMSGSIZE: a path or a
 * text is too long or empty.
 */
int dps_journal_put_files(struct dps_journal *journal, const struct dps_transfer_id *id,
			  const struct dps_journal_file *files, size_t count);

/* What becomes of a file: its state, and what else is said here. */
struct dps_journal_change {
	uint32_t index;
	uint8_t state;	   /* enum dps_journal_file_state */
	bool begins_over;  /* its pieces go */
	bool has_identity; /* this and the next two: false leaves what is there */
	bool has_head;
	bool has_digest;
	uint64_t size_bytes; /* DPS_JOURNAL_UNKNOWN leaves what is there */
	uint64_t device;
	uint64_t inode;
	struct dps_digest head;
	struct dps_digest digest;
	const char *error_code; /* both are written as they are, NULL too */
	const char *error_text;
};

/*
 * Changes files, each at most once. A file that becomes settled loses its pieces. -ESTALE: there is
 * no such file.
 */
int dps_journal_change_files(struct dps_journal *journal, const struct dps_transfer_id *id,
			     const struct dps_journal_change *changes, size_t count);

typedef int dps_journal_on_file(void *context, const struct dps_journal_file *file);

/* Reads a transfer's files from first on, by index; nothing for one that is not there. */
int dps_journal_read_files(struct dps_journal *journal, const struct dps_transfer_id *id,
			   uint32_t first, dps_journal_on_file *on_file, void *context);

/* ---- pieces ---- */

/*
 * Writes the digests of pieces first, first + 1, … of a file, in place of those that are there.
 * Meant to be appended to in runs; any order and overlap is right. The caller has fsynced the bytes
 * they speak of. first + count < 2^40.
 */
int dps_journal_add_pieces(struct dps_journal *journal, const struct dps_transfer_id *id,
			   uint32_t file, uint64_t first, const struct dps_digest *digests,
			   size_t count);

/* How many pieces there are from a file's start without a gap. */
int dps_journal_count_pieces(struct dps_journal *journal, const struct dps_transfer_id *id,
			     uint32_t file, uint64_t *count);

typedef int dps_journal_on_pieces(void *context, uint64_t first, const struct dps_digest *digests,
				  size_t count);

/* Reads the pieces that count_pieces counts, in order, in runs that touch. */
int dps_journal_read_pieces(struct dps_journal *journal, const struct dps_transfer_id *id,
			    uint32_t file, dps_journal_on_pieces *on_pieces, void *context);

/* Forgets a file's pieces: it starts anew. */
int dps_journal_drop_pieces(struct dps_journal *journal, const struct dps_transfer_id *id,
			    uint32_t file);

/* ---- from one transfer to another ---- */

/* Reads the files of which the first piece is there, by index. */
int dps_journal_read_staged(struct dps_journal *journal, const struct dps_transfer_id *id,
			    dps_journal_on_file *on_file, void *context);

struct dps_journal_move {
	struct dps_transfer_id from;
	struct dps_transfer_id to;
	uint32_t from_file;
	uint32_t to_file;
	uint64_t device; /* of what is staged */
	uint64_t inode;
};

/*
 * What is staged of a file is that of another transfer's from now on: its pieces, in place of those
 * that are there, and its identity. The one that had it waits, the other is open. -ESTALE: one of
 * them was never listed.
 */
int dps_journal_move_file(struct dps_journal *journal, const struct dps_journal_move *move);

/* 1: something is staged of the transfer, or was and may have its name. 0: nothing is. */
int dps_journal_has_staged(struct dps_journal *journal, const struct dps_transfer_id *id);

/* How many pieces there are of all files of the transfer that are not settled. */
int dps_journal_count_staged(struct dps_journal *journal, const struct dps_transfer_id *id,
			     uint64_t *count);
