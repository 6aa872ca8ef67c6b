/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/export_jobs.h"
#include "apps/dpdk-streamd/digester.h"
#include "apps/dpdk-streamd/head.h"
#include "drivers/generate/generate.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct dps_export_job *job_of(struct dps_job *job)
{
	return (struct dps_export_job *)job; /* its first member */
}

static void finish(struct dps_job *job, uint64_t now_ns)
{
	struct dps_export_job *self = job_of(job);

	self->export->jobs_count--;
	self->then(self, now_ns);
	free(self->pieces);
	free(self);
}

static struct dps_export_job *push(struct dps_export *export, uint32_t file,
				   void (*run)(struct dps_job *job),
				   void (*then)(struct dps_export_job *job, uint64_t now_ns),
				   const struct dps_export_job *with)
{
	struct dps_export_job *job = malloc(sizeof(*job));

	if (!job)
		abort();
	*job = *with;
	job->job.run = run;
	job->job.done = finish;
	job->export = export;
	job->then = then;
	job->file = file;
	job->connection = export->connection;
	export->jobs_count++;
	dps_worker_push(dps_node_worker(export->node), &job->job);
	return job;
}

/* Its index in the source; only of a file that is there. */
static uint32_t source_of(const struct dps_export_job *self)
{
	return self->export->list.entries[self->file].source;
}

static int read_head(const struct dps_export_job *self, struct dps_digest *head)
{
	struct dps_source *source = self->export->source;
	struct dps_worker *worker = dps_node_worker(self->export->node);
	bool is_direct;
	int fd = dps_source_open_file(source, source_of(self), DPS_WISH_CACHED, &is_direct);
	int result;

	if (fd < 0)
		return fd;
	result = dps_head_read(fd, self->export->list.entries[self->file].size_bytes,
			       dps_node_chunk_bytes(self->export->node), &worker->is_hurried, head);
	close(fd);
	return result;
}

static int check_head(const struct dps_export_job *self)
{
	struct dps_digest head;
	int result = read_head(self, &head);

	if (result == 0 && memcmp(&head, &self->expected, sizeof(head)) != 0)
		result = -EUCLEAN;
	return result;
}

static void run_open(struct dps_job *job)
{
	struct dps_export_job *self = job_of(job);

	self->result = -1; /* generated: there is no file */
	if (self->export->source)
		self->result = self->checks_head ? check_head(self) : 0;
	if (self->export->source && self->result == 0)
		self->result = dps_source_open_file(self->export->source, source_of(self),
						    DPS_WISH_DIRECT, &self->is_direct);
	self->fd = self->result;
}

void dps_export_push_open(struct dps_export *export, uint32_t file,
			  void (*then)(struct dps_export_job *job, uint64_t now_ns),
			  uint64_t offset, uint64_t bytes)
{
	push(export, file, run_open, then,
	     &(struct dps_export_job){ .fd = -1,
				       .checks_head = export->files[file].is_head_due,
				       .expected = export->files[file].head,
				       .offset = offset,
				       .bytes = bytes });
}

static void run_check(struct dps_job *job)
{
	struct dps_export_job *self = job_of(job);

	self->result = self->export->source
			       ? dps_source_check(self->export->source, source_of(self), self->fd)
			       : 0;
}

void dps_export_push_check(struct dps_export *export, struct dps_export_work *work,
			   void (*then)(struct dps_export_job *job, uint64_t now_ns))
{
	push(export, work->file, run_check, then,
	     &(struct dps_export_job){ .fd = work->fd, .work = work });
}

static void run_digest(struct dps_job *job)
{
	struct dps_export_job *self = job_of(job);
	struct dps_source *source = self->export->source;
	struct dps_worker *worker = dps_node_worker(self->export->node);
	bool is_direct;
	int fd;

	if (!source) {
		self->result = -1;
		return;
	}
	fd = dps_source_open_file(source, source_of(self), DPS_WISH_CACHED, &is_direct);
	if (fd < 0) {
		self->result = fd;
		return;
	}
	self->result =
		dps_file_digest_read(fd, self->export->list.entries[self->file].size_bytes,
				     dps_node_chunk_bytes(self->export->node),
				     &dps_transfer_digester, &worker->is_hurried, &self->digest);
	close(fd);
}

struct dps_export_job *
dps_export_push_digest(struct dps_export *export, uint32_t file, const struct dps_digest *compare,
		       void (*then)(struct dps_export_job *job, uint64_t now_ns))
{
	struct dps_export_job with = { .fd = -1, .is_asked = true };

	with.expected = *compare;
	return push(export, file, run_digest, then, &with);
}

static void run_head(struct dps_job *job)
{
	struct dps_export_job *self = job_of(job);

	self->result = read_head(self, &self->digest);
}

struct dps_export_job *
dps_export_push_head(struct dps_export *export, uint32_t file, const struct dps_message_item *held,
		     void (*then)(struct dps_export_job *job, uint64_t now_ns))
{
	return push(export, file, run_head, then,
		    &(struct dps_export_job){ .fd = -1,
					      .is_asked = true,
					      .is_head = true,
					      .expected = held->digest,
					      .bytes = held->size_bytes });
}

static void generate_pieces(struct dps_export_job *self)
{
	uint32_t chunk_bytes = dps_node_chunk_bytes(self->export->node);
	uint64_t seed = dps_node_options(self->export->node)->generate_seed;
	uint8_t *memory = malloc(chunk_bytes);

	if (!memory) {
		self->result = -ENOMEM;
		return;
	}
	for (uint64_t at = 0; at < self->bytes; at += chunk_bytes) {
		uint64_t rest = self->bytes - at;
		size_t bytes = rest < chunk_bytes ? rest : chunk_bytes;

		dps_generate_content(seed, self->offset + at, memory, bytes);
		self->pieces[at / chunk_bytes] = dps_digest_of(memory, bytes);
	}
	free(memory);
}

/* Checked before and after: what was read is what was offered. */
static void read_pieces(struct dps_export_job *self)
{
	struct dps_source *source = self->export->source;
	struct dps_worker *worker = dps_node_worker(self->export->node);
	bool is_direct;
	int fd = dps_source_open_file(source, source_of(self), DPS_WISH_CACHED, &is_direct);

	if (fd < 0) {
		self->result = fd;
		return;
	}
	self->result = dps_file_digest_read_pieces(
		fd, self->offset, self->bytes, dps_node_chunk_bytes(self->export->node),
		&dps_transfer_digester, &worker->is_hurried, self->pieces);
	if (self->result == 0)
		self->result = dps_source_check(source, source_of(self), fd);
	close(fd);
}

static void run_pieces(struct dps_job *job)
{
	struct dps_export_job *self = job_of(job);

	if (!self->pieces)
		self->result = -ENOMEM;
	else if (self->export->source)
		read_pieces(self);
	else
		generate_pieces(self);
}

void dps_export_push_pieces(struct dps_export *export, uint32_t file,
			    void (*then)(struct dps_export_job *job, uint64_t now_ns),
			    uint64_t offset, uint64_t bytes)
{
	uint32_t chunk_bytes = dps_node_chunk_bytes(export->node);
	struct dps_export_job with = { .fd = -1, .offset = offset, .bytes = bytes };

	with.pieces = calloc((bytes + chunk_bytes - 1) / chunk_bytes, sizeof(*with.pieces));
	push(export, file, run_pieces, then, &with);
}
