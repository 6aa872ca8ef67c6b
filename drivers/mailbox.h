/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mailbox: a bounded queue of fixed-size entries between exactly two threads, one that pushes and
 * one that pops. No locks, no system calls; full and empty are answers.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct dps_mailbox {
	uint8_t *entries;
	size_t entry_bytes;
	uint32_t capacity;	       /* a power of two */
	_Alignas(64) atomic_uint head; /* writer: who pushes; counts up */
	_Alignas(64) atomic_uint tail; /* writer: who pops; counts up */
};

/* entries: capacity * entry_bytes, aligned for what is kept in it. Before either thread starts. */
static inline void dps_mailbox_init(struct dps_mailbox *mailbox, void *entries, size_t entry_bytes,
				    uint32_t capacity)
{
	mailbox->entries = entries;
	mailbox->entry_bytes = entry_bytes;
	mailbox->capacity = capacity;
	atomic_init(&mailbox->head, 0);
	atomic_init(&mailbox->tail, 0);
}

/* How many more fit. For the thread that pushes. */
static inline uint32_t dps_mailbox_room(const struct dps_mailbox *mailbox)
{
	/* acquire: pairs with the release of tail in pop(): the places are free to be written */
	uint32_t tail = atomic_load_explicit(&mailbox->tail, memory_order_acquire);

	return mailbox->capacity -
	       (atomic_load_explicit(&mailbox->head, memory_order_relaxed) - tail);
}

/* Whether there is nothing to pop. For the thread that pops. */
static inline bool dps_mailbox_is_empty(const struct dps_mailbox *mailbox)
{
	/* relaxed: what a pop finds is for its acquire to tell */
	return atomic_load_explicit(&mailbox->head, memory_order_relaxed) ==
	       atomic_load_explicit(&mailbox->tail, memory_order_relaxed);
}

/* Copies an entry in; false when it is full. */
static inline bool dps_mailbox_push(struct dps_mailbox *mailbox, const void *entry)
{
	uint32_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);

	if (dps_mailbox_room(mailbox) == 0)
		return false;
	memcpy(mailbox->entries + (size_t)(head & (mailbox->capacity - 1)) * mailbox->entry_bytes,
	       entry, mailbox->entry_bytes);
	/* release: pairs with the acquire of head in pop(): the entry is whole when it is seen */
	atomic_store_explicit(&mailbox->head, head + 1, memory_order_release);
	return true;
}

/* Copies the oldest entry out; false when there is none. */
static inline bool dps_mailbox_pop(struct dps_mailbox *mailbox, void *entry)
{
	uint32_t tail = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);

	/* acquire: pairs with the release of head in push() */
	if (atomic_load_explicit(&mailbox->head, memory_order_acquire) == tail)
		return false;
	memcpy(entry,
	       mailbox->entries + (size_t)(tail & (mailbox->capacity - 1)) * mailbox->entry_bytes,
	       mailbox->entry_bytes);
	/* release: pairs with the acquire of tail in room() */
	atomic_store_explicit(&mailbox->tail, tail + 1, memory_order_release);
	return true;
}
