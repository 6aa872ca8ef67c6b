/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/confinement.h"
#include "apps/dpdk-streamd/needed_rights.h"
#include "apps/dpdk-streamd/state_folder.h"
#include "drivers/log/log.h"
#include "drivers/privilege/syscall_filter.h"
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- rights ---- */

/* Whether, without rights, nothing could be made in it. */
static bool is_strangers(const char *folder)
{
	struct stat status;

	return stat(folder, &status) < 0 ||
	       (status.st_uid != geteuid() && !(status.st_mode & S_IWOTH));
}

static bool is_socket_among_strangers(const struct dps_port_name *name)
{
	char folder[DPS_PORT_NAME_BYTES];
	char *slash;

	if (name->kind != DPS_PORT_MEMIF)
		return false;
	memcpy(folder, name->what, sizeof(folder));
	slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	return is_strangers(folder);
}

static struct dps_needed_rights needs_of(const struct dps_options *options,
					 const struct dps_port_name *port)
{
	const bool is_collector = options->command == DPS_COMMAND_COLLECT;
	char state[DPS_STATE_FOLDER_BYTES];

	dps_state_folder_find(options, state);
	return (struct dps_needed_rights){
		.port = port->kind,
		.is_collector = is_collector,
		.reads_files = !is_collector && options->paths_count > 0 && !options->reads_stdin,
		.writes_files = is_collector && !options->is_discard,
		.has_command = options->exec,
		.uses_strangers = is_strangers(state) || is_socket_among_strangers(port),
		.has_bpf_right = dps_rights_are_known(CAP_BPF),
	};
}

static int give_up_rights(const struct dps_options *options, const struct dps_port_name *port,
			  char *why)
{
	const struct dps_needed_rights needs = needs_of(options, port);
	const dps_rights held = dps_rights_held();
	const dps_rights kept = held & dps_needed_rights_of(&needs);
	char sentence[DPS_RIGHTS_SENTENCE_BYTES], names[DPS_RIGHTS_TEXT_BYTES];
	int err = dps_rights_drop(kept, NULL, sentence);

	if (err < 0 && held != kept) {
		snprintf(why, DPS_NODE_WHY_BYTES, "%s; run it as an ordinary user instead",
			 sentence);
		return err;
	}
	if (sentence[0])
		dps_log("main", DPS_LOG_WARNING, "%s", sentence);
	dps_rights_format(kept, names);
	dps_log("main", DPS_LOG_INFO, "rights (capabilities) kept from here on: %s", names);
	return 0;
}

/* ---- system calls ---- */

/* Its memory stays until the process ends: a worker may come to it late. */
struct filter_job {
	struct dps_job job;
	const char *name; /* of the thread, as `ps -L` shows it */
};

static void confine_worker(struct dps_job *job)
{
	const struct filter_job *self = (const struct filter_job *)job;

	pthread_setname_np(pthread_self(), self->name);
	if (dps_syscall_filter_load(DPS_SYSCALLS_STORE) < 0)
		dps_log_once("main", DPS_LOG_INFO, "threads for disks go on without a filter");
}

static void on_confined(struct dps_job *job, uint64_t now_ns)
{
	(void)job;
	(void)now_ns;
}

static unsigned int syscalls_of(const struct dps_options *options, const struct dps_port_name *port)
{
	unsigned int syscalls = DPS_SYSCALLS_STORE | DPS_SYSCALLS_CONTROL;

	if (options->exec)
		syscalls |= DPS_SYSCALLS_CHILD;
	if (port->kind != DPS_PORT_UDP && port->kind != DPS_PORT_MEMIF)
		syscalls |= DPS_SYSCALLS_DEVICE;
	return syscalls;
}

static void filter(struct dps_node *node, struct dps_worker *examiner,
		   const struct dps_port_name *port)
{
	static struct filter_job store = { .name = "dps-store" };
	static struct filter_job examine = { .name = "dps-examiner" };
	int err = dps_syscall_filter_init();

	store.job.run = examine.job.run = confine_worker;
	store.job.done = examine.job.done = on_confined;
	dps_worker_push(dps_node_worker(node), &store.job);
	if (examiner)
		dps_worker_push(examiner, &examine.job);
	if (err == 0)
		err = dps_syscall_filter_load(syscalls_of(dps_node_options(node), port));
	if (err < 0)
		dps_log("main", DPS_LOG_WARNING,
			"this kernel or container has no filter for system calls (%s): going on "
			"without",
			strerror(-err));
}

int dps_confine(struct dps_node *node, struct dps_worker *examiner, char why[DPS_NODE_WHY_BYTES])
{
	const struct dps_options *options = dps_node_options(node);
	struct dps_port_name port;
	int err = dps_port_name_parse(&port, options->port, why, DPS_NODE_WHY_BYTES);

	if (err == 0)
		err = give_up_rights(options, &port, why);
	if (err == 0)
		filter(node, examiner, &port);
	return err;
}
