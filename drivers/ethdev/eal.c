/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/eal.h"
#include "drivers/ethdev/eal_log.h"
#include "drivers/ethdev/eal_prefix.h"
#include "drivers/ethdev/heap_file.h"
#include "drivers/ethdev/interrupt_gate.h"
#include <ctype.h>
#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	HUGEPAGE_BYTES = 2 << 20,
	/* Pools, rings and DPDK itself, besides what ports are asked to allocate. */
	BASE_MIB = 64,
	PORT_MIB = 48,
};

/* Groups of EAL options: when the user sets one of a group, the group is theirs. */
static const char *const memory_options[] = {
	"-m",		"--socket-mem", "--socket-limit", "--no-huge",	 "--in-memory",
	"--legacy-mem", "--huge-dir",	"--huge-unlink",  "--no-shconf", "--single-file-segments",
	NULL,
};
static const char *const core_options[] = { "-l", "-c", "-s", "-S", "--lcores", NULL };
static const char *const device_options[] = {
	"-a", "-b", "--allow", "--block", "--no-pci", NULL,
};
static const char *const prefix_options[] = { "--file-prefix", NULL };
static const char *const iova_options[] = { "--iova-mode", NULL };

/* "-m", "-m512", "--name", "--name=value". */
static bool is_option(const char *argument, const char *option)
{
	size_t length = strlen(option);

	if (strncmp(argument, option, length) != 0)
		return false;
	return option[1] != '-' || argument[length] == '\0' || argument[length] == '=';
}

static bool is_given(const struct dps_eal_config *config, const char *const *group)
{
	for (unsigned int i = 0; i < config->user_count; i++)
		for (unsigned int k = 0; group[k] != NULL; k++)
			if (is_option(config->user[i], group[k]))
				return true;
	return false;
}

__attribute__((format(printf, 2, 3))) static void add(struct dps_eal_arguments *arguments,
						      const char *format, ...)
{
	size_t room = sizeof(arguments->text) - arguments->used;
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(arguments->text + arguments->used, room, format, list);
	va_end(list);
	/* One past the limit says that something was left out. */
	if (length < 0 || (size_t)length >= room || arguments->count >= DPS_EAL_ARGUMENTS_MAX) {
		arguments->count = DPS_EAL_ARGUMENTS_MAX + 1;
		return;
	}
	arguments->items[arguments->count++] = arguments->text + arguments->used;
	arguments->items[arguments->count] = NULL;
	arguments->used += (size_t)length + 1;
}

static unsigned int count_kind(const struct dps_eal_config *config, enum dps_port_kind kind)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < config->ports_count; i++)
		count += config->ports[i].kind == kind;
	return count;
}

static unsigned int need_mib(const struct dps_eal_config *config)
{
	/* Allocations are aligned to hugepages, each may leave a gap in front of it. */
	size_t asked = (config->memory_bytes + HUGEPAGE_BYTES - 1) / HUGEPAGE_BYTES * 2;

	return BASE_MIB + PORT_MIB * config->ports_count + (unsigned int)asked +
	       2 * config->lanes_count;
}

static void add_memory(struct dps_eal_arguments *arguments, const struct dps_eal_config *config,
		       bool has_hugepages)
{
	if (has_hugepages) {
		add(arguments, "--in-memory");
	} else {
		/* 22.11 refuses --no-huge with --in-memory. */
		add(arguments, "--no-huge");
		add(arguments, "--no-shconf");
	}
	/* A memif client that receives without a copy passes its heap on as one file. */
	if (count_kind(config, DPS_PORT_MEMIF) != 0)
		add(arguments, "--single-file-segments");
	add(arguments, "-m");
	add(arguments, "%u", need_mib(config));
	/* Only a device that translates by itself needs to be asked what it can do. */
	if (!is_given(config, iova_options) &&
	    (!has_hugepages || count_kind(config, DPS_PORT_PCI) == 0))
		add(arguments, "--iova-mode=va");
}

/* Writes a CPU set as "0-3,8". */
static void write_cpus(const cpu_set_t *set, char *text, size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int last = cpu;

		if (!CPU_ISSET(cpu, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		used += (size_t)snprintf(text + used, text_bytes - used,
					 last == cpu ? "%s%d" : "%s%d-%d", used != 0 ? "," : "",
					 cpu, last);
		if (used >= text_bytes)
			return;
		cpu = last;
	}
}

/* "2,4-6" to CPUs in the order written. Returns how many, or -EINVAL. */
static int parse_cores(const char *text, int *cpus, unsigned int room)
{
	unsigned int count = 0;

	while (*text != '\0') {
		char *end;
		unsigned long first, last;

		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		first = last = strtoul(text, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1]))
			last = strtoul(end + 1, &end, 10);
		if (first > last || last >= CPU_SETSIZE || (*end != ',' && *end != '\0') ||
		    (*end == ',' && end[1] == '\0'))
			return -EINVAL;
		for (; first <= last && count < room; first++)
			cpus[count++] = (int)first;
		text = *end == ',' ? end + 1 : end;
	}
	return count != 0 ? (int)count : -EINVAL;
}

static int add_cores(struct dps_eal_arguments *arguments, const struct dps_eal_config *config,
		     char *why, size_t why_bytes)
{
	char affinity[1024], list[4096];
	int cpus[CPU_SETSIZE];
	int cpus_count = 0;
	cpu_set_t set;
	size_t used;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		CPU_SET(0, &set);
	if (config->cores != NULL) {
		cpus_count = parse_cores(config->cores, cpus, CPU_SETSIZE);
		if (cpus_count < 0) {
			snprintf(why, why_bytes,
				 "--cores \"%.60s\" is no list of CPUs: write 2,4-6.",
				 config->cores);
			return -EINVAL;
		}
		for (int i = 0; i < cpus_count; i++) {
			if (CPU_ISSET(cpus[i], &set))
				continue;
			snprintf(why, why_bytes,
				 "--cores names CPU %d, which this process may not use: see "
				 "`taskset -p $$`.",
				 cpus[i]);
			return -EINVAL;
		}
	}
	write_cpus(&set, affinity, sizeof(affinity));
	used = (size_t)snprintf(list, sizeof(list), "0@(%s)", affinity);
	for (unsigned int i = 0; i < config->lanes_count && used < sizeof(list); i++) {
		if (cpus_count != 0)
			used += (size_t)snprintf(list + used, sizeof(list) - used, ",%u@%d", i + 1,
						 cpus[i % (unsigned int)cpus_count]);
		else
			used += (size_t)snprintf(list + used, sizeof(list) - used, ",%u@(%s)",
						 i + 1, affinity);
	}
	if (used >= sizeof(list)) {
		snprintf(why, why_bytes, "There are too many lanes for one command line.");
		return -E2BIG;
	}
	add(arguments, "--lcores");
	add(arguments, "%s", list);
	return 0;
}

int dps_eal_build(struct dps_eal_arguments *arguments, const struct dps_eal_config *config,
		  bool has_hugepages, const char *prefix, char *why, size_t why_bytes)
{
	int err = 0;

	memset(arguments, 0, sizeof(*arguments));
	add(arguments, "%s", config->program);
	for (unsigned int i = 0; i < config->user_count; i++)
		add(arguments, "%s", config->user[i]);
	if (!is_given(config, memory_options))
		add_memory(arguments, config, has_hugepages);
	if (!is_given(config, core_options))
		err = add_cores(arguments, config, why, why_bytes);
	if (err != 0)
		return err;
	if (!is_given(config, device_options)) {
		if (count_kind(config, DPS_PORT_PCI) == 0)
			add(arguments, "--no-pci");
		for (unsigned int i = 0; i < config->ports_count; i++) {
			if (config->ports[i].kind != DPS_PORT_PCI)
				continue;
			add(arguments, "-a");
			add(arguments, "%s", config->ports[i].what);
		}
	}
	if (!is_given(config, prefix_options))
		add(arguments, "--file-prefix=%s", prefix);
	if (arguments->count > DPS_EAL_ARGUMENTS_MAX) {
		snprintf(why, why_bytes, "There are more EAL arguments than %d.",
			 DPS_EAL_ARGUMENTS_MAX);
		return -E2BIG;
	}
	return 0;
}

static bool try_pages(size_t bytes, unsigned int page_log2)
{
	size_t page = (size_t)1 << page_log2;
	void *memory;
	bool works;

	bytes = (bytes + page - 1) / page * page;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (int)page_log2 << MAP_HUGE_SHIFT,
		      -1, 0);
	if (memory == MAP_FAILED)
		return false;
	/*
	 * A reservation is no page yet: a cgroup's limit shows only when it is touched, by SIGBUS.
	 * The advice tells instead; kernels before 5.14 do not know it.
	 */
	works = madvise(memory, bytes, MADV_POPULATE_WRITE) == 0 || errno == EINVAL;
	munmap(memory, bytes);
	return works;
}

bool dps_eal_try_hugepages(size_t bytes)
{
	return try_pages(bytes, 21) || try_pages(bytes, 30);
}

static void join(const struct dps_eal_arguments *arguments, char *line, size_t line_bytes)
{
	size_t used = 0;

	line[0] = '\0';
	for (unsigned int i = 1; i < arguments->count && used < line_bytes; i++) {
		/* So that it can be copied into a shell. */
		bool plain = strpbrk(arguments->items[i], " ()*?'\"$&;|<>") == NULL;

		used += (size_t)snprintf(line + used, line_bytes - used, "%s%s%s%s",
					 i > 1 ? " " : "", plain ? "" : "'", arguments->items[i],
					 plain ? "" : "'");
	}
}

/* What the kernel does not know, no driver can take: said before memory is asked for. */
static int check_pci(const struct dps_eal_config *config, char *why, size_t why_bytes)
{
	for (unsigned int i = 0; i < config->ports_count; i++) {
		const struct dps_port_name *port = &config->ports[i];
		char path[64 + DPS_PORT_NAME_BYTES];

		if (port->kind != DPS_PORT_PCI)
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", port->what);
		if (access(path, F_OK) == 0)
			continue;
		snprintf(why, why_bytes,
			 "%s: this machine has no such PCI device: `lspci -D` lists them.",
			 port->text);
		return -ENODEV;
	}
	return 0;
}

/* A NIC reads memory by itself, and ordinary pages may move under it. */
static int refuse_pci(const struct dps_eal_config *config, char *why, size_t why_bytes)
{
	unsigned int pages = (need_mib(config) + 1) / 2;
	const struct dps_port_name *port = config->ports;

	while (port->kind != DPS_PORT_PCI)
		port++;
	snprintf(why, why_bytes,
		 "%s: a pci port needs %u free hugepages of 2 MiB: run `echo %u | sudo tee "
		 "/proc/sys/vm/nr_hugepages`.",
		 port->text, pages, pages);
	return -ENOMEM;
}

/*
 * Hugepages were there when they were tried, and not when EAL mapped them. EAL says EACCES when
 * none is left and ENOMEM when there are too few, and after the latter refuses every other attempt.
 */
static bool has_lost_hugepages(const struct dps_eal *eal, const struct dps_eal_config *config,
			       int err)
{
	return eal->has_hugepages && (err == ENOMEM || err == EACCES) &&
	       count_kind(config, DPS_PORT_PCI) == 0;
}

int dps_eal_start(struct dps_eal *eal, const struct dps_eal_config *config, char *why,
		  size_t why_bytes)
{
	struct dps_eal_arguments arguments;
	char prefix[64], last[256];
	bool started;
	int err;

	memset(eal, 0, sizeof(*eal));
	err = check_pci(config, why, why_bytes);
	if (err != 0)
		return err;
	if (!is_given(config, memory_options)) {
		eal->has_hugepages = !config->is_ordinary &&
				     dps_eal_try_hugepages((size_t)need_mib(config) << 20);
		if (!eal->has_hugepages && count_kind(config, DPS_PORT_PCI) != 0)
			return refuse_pci(config, why, why_bytes);
	}
	dps_eal_prefix_claim(prefix, sizeof(prefix));
	err = dps_eal_build(&arguments, config, eal->has_hugepages, prefix, why, why_bytes);
	if (err != 0)
		return err;
	join(&arguments, eal->line, sizeof(eal->line));
	dps_eal_log_open(config->on_log, config->log_context);
	dps_heap_file_raise();
	/* EAL reorders the items. */
	started = rte_eal_init((int)arguments.count, arguments.items) >= 0;
	dps_heap_file_lower();
	if (!started) {
		err = rte_errno != 0 ? rte_errno : EINVAL;
		if (has_lost_hugepages(eal, config, err)) {
			snprintf(why, why_bytes,
				 "the hugepages that were free went to another process while DPDK "
				 "started: run the same command again.");
			return -ERESTART;
		}
		dps_eal_log_last(last, sizeof(last));
		snprintf(why, why_bytes, "DPDK did not start (%s%s%s) with: %s", strerror(err),
			 last[0] != '\0' ? "; it said: " : "", last, eal->line);
		return -err;
	}
	if (is_given(config, memory_options))
		eal->has_hugepages = rte_eal_has_hugepages() != 0;
	return 0;
}

void dps_eal_stop(void)
{
	dps_gate_close();
	rte_eal_cleanup();
	dps_eal_log_close();
}
