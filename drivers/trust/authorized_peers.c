/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/authorized_peers.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct word {
	const char *text;
	size_t bytes;
};

static bool is_space(char letter)
{
	return letter == ' ' || letter == '\t' || letter == '\r';
}

/* The next word of the line; of no bytes at its end. */
static struct word next_word(const char **at, const char *end)
{
	struct word word;

	while (*at < end && is_space(**at))
		(*at)++;
	word.text = *at;
	while (*at < end && !is_space(**at))
		(*at)++;
	word.bytes = (size_t)(*at - word.text);
	return word;
}

static bool is(const struct word *word, const char *text)
{
	return word->bytes == strlen(text) && memcmp(word->text, text, word->bytes) == 0;
}

#define AUTHORITY "ca:"

enum { AUTHORITY_BYTES = sizeof(AUTHORITY) - 1 };

static bool is_authority(const struct word *word)
{
	return word->bytes > AUTHORITY_BYTES && memcmp(word->text, AUTHORITY, AUTHORITY_BYTES) == 0;
}

static bool read_name(struct dps_authorized_peer *peer, const struct word *word)
{
	if (word->bytes == 0 || word->bytes >= sizeof(peer->name))
		return false;
	for (size_t i = 0; i < word->bytes; i++)
		if (word->text[i] <= ' ' || word->text[i] > '~')
			return false;
	memcpy(peer->name, word->text, word->bytes);
	peer->name[word->bytes] = '\0';
	return true;
}

/* NULL, or what is wrong with it. */
static const char *read_option(struct dps_authorized_peer *peer, const struct word *word)
{
	bool is_export = is(word, "may=export");

	if (!is_export && !is(word, "may=collect"))
		return dps_grant_read_option(&peer->grant, word->text, word->bytes);
	if (peer->may)
		return "may= is there twice; without it the peer may do both";
	peer->may = is_export ? DPS_MAY_EXPORT : DPS_MAY_COLLECT;
	return NULL;
}

/* A limit that nothing would hold is worse than none: who wrote it relies on it. */
static const char *read_options(struct dps_authorized_peer *peer, const char *line, const char *end)
{
	struct word word;

	while ((word = next_word(&line, end)).bytes > 0) {
		const char *wrong = read_option(peer, &word);

		if (wrong)
			return wrong;
	}
	if (peer->may == DPS_MAY_COLLECT && dps_grant_is_limited(&peer->grant))
		return "with may=collect there is nothing to be limited: limits are for who "
		       "exports to here";
	if (!peer->may)
		peer->may = DPS_MAY_EXPORT | DPS_MAY_COLLECT;
	return NULL;
}

static enum dps_authorized_line wrong_line(const char **wrong, const char *why)
{
	*wrong = why;
	return DPS_AUTHORIZED_WRONG;
}

enum dps_authorized_line dps_authorized_line_parse(struct dps_authorized_peer *peer,
						   const char *line, size_t bytes,
						   const char **wrong)
{
	const char *end = line + bytes, *why;
	struct word word = next_word(&line, end);

	if (word.bytes == 0 || word.text[0] == '#')
		return DPS_AUTHORIZED_NOTHING;
	if (bytes > DPS_AUTHORIZED_LINE_BYTES_MAX)
		return wrong_line(wrong, "it is longer than 1024 bytes");
	*peer = (struct dps_authorized_peer){ .is_certified = is_authority(&word) };
	if (peer->is_certified) {
		word.text += AUTHORITY_BYTES;
		word.bytes -= AUTHORITY_BYTES;
	} else if (!dps_fingerprint_parse(&peer->fingerprint, word.text, word.bytes)) {
		return wrong_line(wrong, "it begins neither with sha256: and 64 hexadecimal digits "
					 "nor with ca: and a name");
	} else {
		word = next_word(&line, end);
	}
	if (!read_name(peer, &word))
		return wrong_line(wrong, "behind the fingerprint a name is missing, of printable "
					 "letters and shorter than 256");
	why = read_options(peer, line, end);
	return why ? wrong_line(wrong, why) : DPS_AUTHORIZED_PEER;
}

static bool is_name(const char *pattern, const char *name, size_t bytes)
{
	const char *dot = memchr(name, '.', bytes);

	if (strcmp(pattern, "*") == 0)
		return true;
	if (strncmp(pattern, "*.", 2) == 0) {
		if (!dot || dot == name)
			return false;
		pattern += 1;
		bytes -= (size_t)(dot - name);
		name = dot;
	}
	return strlen(pattern) == bytes && strncasecmp(pattern, name, bytes) == 0;
}

bool dps_authorized_peer_is_certified(const struct dps_authorized_peer *peer, const char *names)
{
	const char *end = names + strlen(names);
	struct word word;

	while (peer->is_certified && (word = next_word(&names, end)).bytes > 0)
		if (is_name(peer->name, word.text, word.bytes))
			return true;
	return false;
}

static bool add(struct dps_authorized_peers *list, const struct dps_authorized_peer *peer)
{
	struct dps_authorized_peer *peers = list->peers;

	/* Grows at powers of two. */
	if ((list->count & (list->count - 1)) == 0) {
		size_t room = list->count ? (size_t)list->count * 2 : 1;

		peers = realloc(peers, room * sizeof(*peers));
	}
	if (!peers)
		return false;
	list->peers = peers;
	peers[list->count++] = *peer;
	return true;
}

int dps_authorized_peers_parse(struct dps_authorized_peers *list, const char *text, size_t bytes,
			       void (*on_wrong)(void *context, unsigned int line, const char *why),
			       void *context)
{
	const char *end = text + bytes;

	*list = (struct dps_authorized_peers){ 0 };
	if (bytes > DPS_AUTHORIZED_FILE_BYTES_MAX)
		return -EFBIG;
	for (unsigned int number = 1; text < end; number++) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));
		struct dps_authorized_peer peer;
		const char *wrong = NULL;
		enum dps_authorized_line line;

		line_end = line_end ? line_end : end;
		line = dps_authorized_line_parse(&peer, text, (size_t)(line_end - text), &wrong);
		if (line == DPS_AUTHORIZED_PEER && list->count == DPS_AUTHORIZED_PEERS_MAX) {
			line = DPS_AUTHORIZED_WRONG;
			wrong = "it is beyond the 4096th peer";
		}
		if (line == DPS_AUTHORIZED_WRONG && on_wrong)
			on_wrong(context, number, wrong);
		if (line == DPS_AUTHORIZED_PEER && !add(list, &peer)) {
			dps_authorized_peers_fini(list);
			return -ENOMEM;
		}
		text = line_end + 1;
	}
	return 0;
}

void dps_authorized_peers_fini(struct dps_authorized_peers *list)
{
	free(list->peers);
	*list = (struct dps_authorized_peers){ 0 };
}
