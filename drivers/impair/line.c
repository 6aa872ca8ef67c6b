/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/impair/line.h"
#include <dps/assert.h>

static void append(struct dps_line *line, struct dps_line_queue *queue, int copy)
{
	line->copies[copy].next = DPS_LINE_NONE;
	if (queue->first == DPS_LINE_NONE)
		queue->first = copy;
	else
		line->copies[queue->last].next = copy;
	queue->last = copy;
}

static int remove_first(struct dps_line *line, struct dps_line_queue *queue)
{
	int copy = queue->first;

	if (copy != DPS_LINE_NONE)
		queue->first = line->copies[copy].next;
	return copy;
}

void dps_line_init(struct dps_line *line, struct dps_line_copy *copies, uint32_t count,
		   uint8_t *bytes, uint32_t copy_bytes, uint64_t delay_ns)
{
	*line = (struct dps_line){
		.copies = copies,
		.copies_count = count,
		.copy_bytes = copy_bytes,
		.delay_ns = delay_ns,
		.free = DPS_LINE_NONE,
		.delayed = { DPS_LINE_NONE, DPS_LINE_NONE },
		.ready = { DPS_LINE_NONE, DPS_LINE_NONE },
	};
	for (uint32_t i = count; i-- > 0;) {
		copies[i] = (struct dps_line_copy){ .bytes = bytes + (size_t)i * copy_bytes };
		dps_line_give(line, (int)i);
	}
}

int dps_line_take(struct dps_line *line, uint64_t bytes)
{
	int copy = line->free;

	if (copy != DPS_LINE_NONE && bytes > line->copy_bytes)
		copy = DPS_LINE_NONE;
	if (copy != DPS_LINE_NONE)
		line->free = line->copies[copy].next;
	return copy;
}

void dps_line_give(struct dps_line *line, int copy)
{
	DPS_ASSERT(copy >= 0 && (uint32_t)copy < line->copies_count);
	line->copies[copy].remote = UINT32_MAX;
	line->copies[copy].next = line->free;
	line->free = copy;
}

/* Lets go of the held ones that enough have passed, or that waited long enough, oldest first. */
static void let_go(struct dps_line *line, uint64_t now_ns)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < line->held_count; i++) {
		const struct dps_line_copy *copy = &line->copies[line->held[i]];

		if (line->passed >= copy->due_pass || now_ns >= copy->due_ns)
			append(line, &line->ready, line->held[i]);
		else
			line->held[kept++] = line->held[i];
	}
	line->held_count = kept;
}

/* At the end of the delay: counts as having passed the held ones, even when it is held itself. */
static void reach_end(struct dps_line *line, int index, uint64_t now_ns)
{
	struct dps_line_copy *copy = &line->copies[index];

	line->passed++;
	if (copy->behind == 0) {
		append(line, &line->ready, index);
	} else {
		/* Whoever came eight earlier has been let go by now, so there is a place. */
		DPS_ASSERT(copy->behind <= DPS_LINE_BEHIND_MAX);
		let_go(line, 0);
		DPS_ASSERT(line->held_count < DPS_LINE_BEHIND_MAX);
		copy->due_pass = line->passed + copy->behind;
		copy->due_ns = now_ns + DPS_LINE_HELD_NS_MAX;
		line->held[line->held_count++] = index;
	}
	let_go(line, 0);
}

void dps_line_push(struct dps_line *line, int copy, uint64_t now_ns)
{
	if (line->delay_ns == 0) {
		reach_end(line, copy, now_ns);
		return;
	}
	line->copies[copy].due_ns = now_ns + line->delay_ns;
	append(line, &line->delayed, copy);
}

void dps_line_pass(struct dps_line *line)
{
	line->passed++;
	let_go(line, 0);
}

uint32_t dps_line_until_ready(const struct dps_line *line)
{
	uint64_t until = UINT32_MAX;

	for (uint32_t i = 0; i < line->held_count; i++) {
		uint64_t left = line->copies[line->held[i]].due_pass - line->passed;

		until = left < until ? left : until;
	}
	return (uint32_t)until;
}

void dps_line_advance(struct dps_line *line, uint64_t now_ns)
{
	let_go(line, now_ns);
	while (line->delayed.first != DPS_LINE_NONE &&
	       line->copies[line->delayed.first].due_ns <= now_ns)
		reach_end(line, remove_first(line, &line->delayed), now_ns);
}

int dps_line_first_ready(const struct dps_line *line)
{
	return line->ready.first;
}

int dps_line_take_ready(struct dps_line *line)
{
	return remove_first(line, &line->ready);
}

void dps_line_put_back(struct dps_line *line, int copy)
{
	line->copies[copy].next = line->ready.first;
	if (line->ready.first == DPS_LINE_NONE)
		line->ready.last = copy;
	line->ready.first = copy;
}

void dps_line_forget(struct dps_line *line, uint32_t remote)
{
	for (uint32_t i = 0; i < line->copies_count; i++)
		if (line->copies[i].remote == remote)
			line->copies[i].remote = UINT32_MAX;
}
