/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is left of a link that loses packets: two lanes in the simulator, a file without end,
 * payload of 8192 bytes, loss on the way of the data. No noise of the machine touches these
 * figures; what differs between seeds is luck.
 *
 * usage: bench_loss [SEEDS [ROW...]]    without rows: all of them
 * Prints one line a row: name, goodput and reference in Gb/s, then their ratio (mean, least and
 * most of the seeds), and the number of seeds. The reference of `fixed` is the link times 1 - P,
 * that of `fair` the smaller of this and of RFC 9438's response function.
 */
#include "tests/sim/rig.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEEDS = 10,
	MTU = 9000,
	PAYLOAD_BYTES = 8192,
	CHUNK_BYTES = 256 << 10,
	WINDOW_BYTES_MIN = 8 << 20,
	WINDOW_PRODUCTS = 5,	   /* window and ring hold so many bandwidth-delay products */
	QUEUE_BYTES_MIN = 1 << 20, /* of the bottleneck; else one bandwidth-delay product */
	LOSSES = 100,		   /* of a seed that is measured by its losses */
	PACKETS_MIN = 40000,
	PACKETS_MAX = 600000,
};

static const struct way {
	const char *name;
	double bits_per_s;
	uint64_t rtt_ns;
} ways[] = {
	{ "0.1ms", 1e10, 100 * DPS_NS_PER_US },
	{ "10ms", 1e10, 10 * DPS_NS_PER_MS },
	{ "50ms", 1e9, 50 * DPS_NS_PER_MS },
};

static const struct loss {
	const char *name;
	uint32_t ppm;
} losses[] = {
	{ "0", 0 }, { "1e-4", 100 }, { "1e-3", 1000 }, { "1e-2", 10000 }, { "5e-2", 50000 },
};

static const struct mode {
	const char *name;
	uint8_t congestion_mode;
} modes[] = {
	{ "fixed", DPS_CONGESTION_FIXED },
	{ "fair", DPS_CONGESTION_FAIR },
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct row {
	char name[64];
	const struct way *way;
	const struct loss *loss;
	const struct mode *mode;
	double reference_bits_per_s;
	uint64_t settle_ns; /* before anything is counted */
	uint64_t count_ns;
};

/*
 * RFC 9438: packets in flight on average, by the CUBIC function (section 5.1, figure 5, with C 0.4
 * and beta 0.7) or as Reno would have them (section 4.3, RFC 3649's 1.2 / sqrt(p)), whichever is
 * more.
 */
static double response_packets(double loss, double rtt_s)
{
	const double c = 0.4, beta = 0.7;
	double cubic = pow(c * (3 + beta) / (4 * (1 - beta)), 0.25) * pow(rtt_s / loss, 0.75);
	double reno = sqrt(1.5 / loss);

	return cubic > reno ? cubic : reno;
}

static void plan_row(struct row *row)
{
	double loss = row->loss->ppm / 1e6, rtt_s = (double)row->way->rtt_ns / 1e9, packets;
	bool is_fair = row->mode->congestion_mode == DPS_CONGESTION_FAIR;

	snprintf(row->name, sizeof(row->name), "loss-%s-rtt-%s-%s", row->loss->name, row->way->name,
		 row->mode->name);
	row->reference_bits_per_s = row->way->bits_per_s * (1 - loss);
	if (is_fair && loss > 0) {
		double response = response_packets(loss, rtt_s) * PAYLOAD_BYTES * 8 / rtt_s;

		if (response < row->reference_bits_per_s)
			row->reference_bits_per_s = response;
	}
	packets = loss > 0 ? LOSSES / loss : PACKETS_MAX;
	packets = fmin(fmax(packets, PACKETS_MIN), PACKETS_MAX);
	row->count_ns = (uint64_t)(packets * PAYLOAD_BYTES * 8 / row->reference_bits_per_s * 1e9);
	row->settle_ns = 1 * DPS_NS_PER_S;
	/* CUBIC takes its time to find a long way's window. */
	if (is_fair)
		row->settle_ns = loss > 0 ? 10 * DPS_NS_PER_S : 20 * DPS_NS_PER_S;
}

static uint64_t product_bytes(const struct row *row)
{
	return (uint64_t)(row->way->bits_per_s / 8 * (double)row->way->rtt_ns / 1e9);
}

static uint64_t window_bytes(const struct row *row)
{
	uint64_t bytes = WINDOW_BYTES_MIN;

	while (bytes < WINDOW_PRODUCTS * product_bytes(row))
		bytes *= 2;
	return bytes;
}

/* The round trip of a link is that of one packet: its time on the wire is part of it. */
static uint64_t delay_ns(const struct row *row)
{
	uint64_t wire_ns = (uint64_t)(PAYLOAD_BYTES * 8 / row->way->bits_per_s * 1e9);

	return (row->way->rtt_ns - wire_ns) / 2;
}

static void config_init(struct rig_config *config, const struct row *row, uint64_t seed)
{
	uint64_t queue_bytes = product_bytes(row);

	if (queue_bytes < QUEUE_BYTES_MIN)
		queue_bytes = QUEUE_BYTES_MIN;
	rig_config_init(config, seed);
	config->is_thin = true;
	config->congestion_mode = row->mode->congestion_mode;
	if (config->congestion_mode == DPS_CONGESTION_FIXED)
		config->rate_bytes_per_s = (uint64_t)(row->way->bits_per_s / 8) *
					   (PAYLOAD_BYTES + DPS_ENVELOPE_BYTES) / PAYLOAD_BYTES;
	for (unsigned int i = 0; i < 2; i++) {
		config->ways[i].bits_per_s = (uint64_t)row->way->bits_per_s;
		config->ways[i].delay_ns = delay_ns(row);
		config->ways[i].queue_bytes = queue_bytes;
		config->ways[i].overhead_bytes = -DPS_ENVELOPE_BYTES;
	}
	config->ways[0].faults.loss_ppm = row->loss->ppm;
}

static struct rig *create_world(const struct row *row, uint64_t seed)
{
	struct rig_config config;
	struct rig *rig;
	struct rig_transfer_config transfer = {
		.number = 1,
		.window_bytes = window_bytes(row),
		.content_seed = DPS_SIM_CONTENT_ZEROS,
		.announced_max = 1,
	};

	config_init(&config, row, seed);
	rig = rig_create(&config);
	for (unsigned int side = 0; side < 2; side++) {
		struct rig_host_config host;

		rig_host_config_init(&host, side, MTU, transfer.window_bytes, CHUNK_BYTES);
		host.limits.paths = 4;
		host.limits.channels = 4;
		host.port.is_thin = true;
		host.disk.is_thin = true;
		rig_add_host(rig, &host);
	}
	transfer.path = rig_add_path(rig, 0, 1);
	rig_add_file(rig, rig_add_transfer(rig, &transfer), UINT64_C(1) << 36, UINT64_C(1) << 36,
		     NULL);
	return rig;
}

static void run_for(struct rig *rig, const struct row *row, uint64_t seed, uint64_t ns)
{
	rig_run(rig, rig->sim.now_ns + ns);
	if (rig->sim.failure[0] == '\0')
		return;
	fprintf(stderr, "bench_loss: %s, seed %llu: %s\n", row->name, (unsigned long long)seed,
		rig->sim.failure);
	exit(1);
}

/* Bits a second that were delivered, checked and written. */
static double measure(const struct row *row, uint64_t seed)
{
	struct rig *rig = create_world(row, seed);
	uint64_t before;
	double bits;

	run_for(rig, row, seed, row->settle_ns);
	before = rig->hosts[1].disk.disk.counters.write_bytes;
	run_for(rig, row, seed, row->count_ns);
	bits = (double)(rig->hosts[1].disk.disk.counters.write_bytes - before) * 8;
	rig_destroy(rig);
	return bits / ((double)row->count_ns / 1e9);
}

static void print_row(const struct row *row, uint64_t seeds)
{
	double sum = 0, least = INFINITY, most = 0;

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		double bits_per_s = measure(row, seed);

		sum += bits_per_s;
		least = fmin(least, bits_per_s);
		most = fmax(most, bits_per_s);
	}
	printf("%s %.4f %.4f %.4f %.4f %.4f %llu\n", row->name, sum / (double)seeds / 1e9,
	       row->reference_bits_per_s / 1e9, sum / (double)seeds / row->reference_bits_per_s,
	       least / row->reference_bits_per_s, most / row->reference_bits_per_s,
	       (unsigned long long)seeds);
	fflush(stdout);
}

static bool is_wanted(const char *name, int count, char **names)
{
	for (int i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return count == 0;
}

int main(int argc, char **argv)
{
	uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : SEEDS;
	unsigned int rows = 0;

	for (size_t m = 0; m < COUNT_OF(modes); m++)
		for (size_t w = 0; w < COUNT_OF(ways); w++)
			for (size_t l = 0; l < COUNT_OF(losses); l++) {
				struct row row = { .way = &ways[w],
						   .loss = &losses[l],
						   .mode = &modes[m] };

				plan_row(&row);
				if (!is_wanted(row.name, argc > 2 ? argc - 2 : 0, argv + 2))
					continue;
				rows++;
				if (seeds == 0) /* only what there is */
					puts(row.name);
				else
					print_row(&row, seeds);
			}
	if (rows == 0)
		fprintf(stderr, "bench_loss: there is no such row; `bench_loss 0` lists them\n");
	return rows == 0;
}
