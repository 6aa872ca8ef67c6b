/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/export_jobs.h"
#include "apps/dpdk-streamd/digester.h"
#include <stdlib.h>
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
	free(self);
}

static void push(struct dps_export *export, uint32_t file, void (*run)(struct dps_job *job),
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
	export->jobs_count++;
	dps_worker_push(dps_node_worker(export->node), &job->job);
}

static void run_open(struct dps_job *job)
{
	struct dps_export_job *self = job_of(job);

	if (self->export->source)
		self->result = dps_source_open_file(self->export->source, self->file,
						    DPS_WISH_DIRECT, &self->is_direct);
	else
		self->result = -1; /* generated: there is no file */
	self->fd = self->result;
}

void dps_export_push_open(struct dps_export *export, uint32_t file,
			  void (*then)(struct dps_export_job *job, uint64_t now_ns),
			  uint64_t offset, uint64_t bytes)
{
	push(export, file, run_open, then,
	     &(struct dps_export_job){ .fd = -1, .offset = offset, .bytes = bytes });
}

static void run_check(struct dps_job *job)
{
	struct dps_export_job *self = job_of(job);

	self->result = self->export->source
			       ? dps_source_check(self->export->source, self->file, self->fd)
			       : 0;
}

void dps_export_push_check(struct dps_export *export, uint32_t file, int fd,
			   void (*then)(struct dps_export_job *job, uint64_t now_ns))
{
	push(export, file, run_check, then, &(struct dps_export_job){ .fd = fd });
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
	fd = dps_source_open_file(source, self->file, DPS_WISH_CACHED, &is_direct);
	if (fd < 0) {
		self->result = fd;
		return;
	}
	self->result =
		dps_file_digest_read(fd, dps_source_at(source, self->file)->size_bytes,
				     dps_node_chunk_bytes(self->export->node),
				     &dps_transfer_digester, &worker->is_hurried, &self->digest);
	close(fd);
}

void dps_export_push_digest(struct dps_export *export, uint32_t file,
			    const struct dps_digest *compare,
			    void (*then)(struct dps_export_job *job, uint64_t now_ns))
{
	struct dps_export_job with = { .fd = -1 };

	with.expected = *compare;
	push(export, file, run_digest, then, &with);
}
