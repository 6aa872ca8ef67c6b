/* SPDX-License-Identifier: BSD-3-Clause */
/* Engine pair, inside: what stands between the two engines. */
#pragma once
#include "tests/support/engine_pair.h"

/* ---- engine_pair_net.c ---- */
void pair_deliver(struct pair *pair, unsigned int which);
void pair_emit(struct pair *pair, unsigned int which);
void pair_release(struct pair *pair, unsigned int which);

/* ---- engine_pair_disk.c ---- */
void pair_submit(struct pair *pair, unsigned int which);
void pair_end_ios(struct pair *pair, unsigned int which, uint64_t until_ns);
void pair_send_message(struct pair *pair, unsigned int to, const struct pair_message *message);
void pair_take_messages(struct pair *pair, unsigned int which);
/* Asks for what found no space to be written again, when it is time to. */
void pair_write_again(struct pair *pair, unsigned int which);

/* The next moment at which a datagram, read, write, release or message of a side is due. */
uint64_t pair_next_ns(const struct pair *pair, unsigned int which);
