/* SPDX-License-Identifier: BSD-3-Clause */
/* Congestion: how much a path may have in flight; one small interface, one file per controller. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum dps_congestion_mode {
	DPS_CONGESTION_FAIR,  /* CUBIC (RFC 9438) with HyStart++ (RFC 9406) */
	DPS_CONGESTION_FIXED, /* an explicit rate; loss only triggers repair and a circuit breaker
			       */
};

struct dps_congestion_config {
	uint8_t mode;		   /* enum dps_congestion_mode */
	uint64_t rate_bytes_per_s; /* ceiling on the pacing rate of any mode, UINT64_MAX for none;
				      the rate itself for FIXED, where it must be set */
	uint32_t packet_bytes;	   /* a full packet on the wire */
};

/* What one acknowledgement did, for all packets it newly acknowledged. */
struct dps_congestion_ack {
	uint64_t acked_bytes;
	uint64_t in_flight_bytes; /* before this acknowledgement */
	uint64_t largest_number;  /* the largest newly acknowledged packet ... */
	uint64_t largest_sent_at_ns;
	uint64_t next_number; /* the number the next packet will get: ends a HyStart++ round */
	uint64_t latest_rtt_ns;
	uint64_t smoothed_rtt_ns;
	uint64_t min_rtt_ns;
	bool is_limited; /* disk, credit or application kept the window from being used: no growth
			  */
	uint64_t now_ns;
};

struct dps_congestion_cubic {
	uint64_t ssthresh_bytes;      /* UINT64_MAX in the first slow start */
	uint64_t window_max_bytes;    /* W_max; 0: to be found by the next epoch */
	uint64_t window_prior_bytes;  /* cwnd_prior: what the last event found */
	uint64_t epoch_started_at_ns; /* 0: no congestion avoidance epoch yet */
	uint64_t k_ns;		      /* K: from the epoch's start until W_max is reached again */
	uint64_t estimate_bytes;      /* W_est: what Reno would have */
	uint64_t estimate_rest;	      /* the part of it below a byte, as a numerator */
	uint64_t acked_rest_bytes;    /* acknowledged, not yet turned into growth */
	uint64_t accounted_at_ns;     /* up to here time was counted to the epoch, or not */
	uint64_t round_end_number;    /* HyStart++ */
	uint64_t round_min_rtt_ns;
	uint64_t last_round_min_rtt_ns;
	uint64_t css_baseline_min_rtt_ns;
	uint32_t round_samples;
	uint32_t css_rounds;
	bool in_css;
};

struct dps_congestion_fixed {
	uint64_t interval_started_at_ns;
	uint64_t interval_acked_bytes;
	uint64_t interval_lost_bytes;
	uint64_t bad_since_ns; /* DPS_NEVER_NS while loss is below the limit */
};

/* Owner: the lane. */
struct dps_congestion {
	const struct dps_congestion_ops *ops;
	struct dps_congestion_config config;
	uint64_t window_bytes;	    /* how much may be in flight now */
	uint64_t recovery_until_ns; /* a loss of a packet sent before this is the same event */
	uint64_t events_count;	    /* congestion events */
	union {
		struct dps_congestion_cubic cubic;
		struct dps_congestion_fixed fixed;
	};
};

struct dps_congestion_ops {
	const char *name;
	void (*init)(struct dps_congestion *congestion, uint64_t now_ns);
	void (*on_acked)(struct dps_congestion *congestion, const struct dps_congestion_ack *ack);
	/* Packets were declared lost; the newest of them was sent at that moment. */
	void (*on_lost)(struct dps_congestion *congestion, uint64_t lost_bytes,
			uint64_t newest_sent_at_ns, uint64_t in_flight_bytes, uint64_t now_ns);
	/* Nothing came through for long (RFC 9002 section 7.6). */
	void (*on_persistent)(struct dps_congestion *congestion, uint64_t now_ns);
	/*
	 * Every packet that was taken for lost since then has come: what that cost is given back,
	 * and the rest stays as it is.
	 */
	void (*on_spurious)(struct dps_congestion *congestion, const struct dps_congestion *then,
			    uint64_t now_ns);
	/* The window was not used for more than a probe timeout: do not burst it out again. */
	void (*on_idle)(struct dps_congestion *congestion, uint64_t now_ns);
	uint64_t (*pacing_rate_bytes_per_s)(const struct dps_congestion *congestion,
					    uint64_t smoothed_rtt_ns);
	/* FIXED: more than 20 % lost for 5 s (RFC 8084): the transfer must stop. */
	bool (*is_broken)(const struct dps_congestion *congestion, uint64_t now_ns);
};

void dps_congestion_init(struct dps_congestion *congestion,
			 const struct dps_congestion_config *config, uint64_t now_ns);

extern const struct dps_congestion_ops dps_congestion_fair_ops;	 /* congestion_fair.c */
extern const struct dps_congestion_ops dps_congestion_fixed_ops; /* congestion_fixed.c */
