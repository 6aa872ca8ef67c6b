/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trust watch: a descriptor that becomes readable when authorized_peers may be another: written and
 * closed, put in place of the old one, removed, or given other rights. A file that is just being
 * written is not one yet, and one that was taken away may be about to be replaced, so that nobody
 * loses trust while an editor is at it.
 *
 * The kernel does not tell what other machines do to a folder that they share; there a change is
 * noticed with the next connection.
 */
#pragma once
#include <stdbool.h>

struct dps_trust_watch {
	int fd;	      /* -1: none */
	bool is_gone; /* taken away, and nothing was put in its place yet */
};

/* folder_fd is borrowed for the call. Returns 0 or -errno. */
int dps_trust_watch_open(struct dps_trust_watch *watch, int folder_fd);
void dps_trust_watch_close(struct dps_trust_watch *watch);

/*
 * Takes what there is to be told; whether the file may be another now. Of one that was taken away
 * only is_gone tells: how long to wait for the next is the caller's to say. Never waits.
 */
bool dps_trust_watch_take(struct dps_trust_watch *watch);
