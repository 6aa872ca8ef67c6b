/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/transfer_owner.h"
#include <stdio.h>
#include <string.h>

enum { ADDRESS, KEY, INTO, WORDS };

struct word {
	const char *text;
	size_t bytes;
};

/* Those that are not there are of no bytes. */
static void split(const char *text, size_t bytes, struct word words[WORDS])
{
	for (int i = 0; i < WORDS; i++) {
		const char *space = i < INTO && bytes > 0 ? memchr(text, ' ', bytes) : NULL;
		size_t length = space ? (size_t)(space - text) : bytes;

		words[i] = (struct word){ text, length };
		text += space ? length + 1 : length;
		bytes -= space ? length + 1 : length;
	}
}

static bool is_equal(const struct word *one, const struct word *other)
{
	return one->bytes == other->bytes && memcmp(one->text, other->text, one->bytes) == 0;
}

static struct word host_of(struct word address)
{
	while (address.bytes > 0 && address.text[address.bytes - 1] != ':')
		address.bytes--;
	return address;
}

void dps_transfer_owner_format(char owner[DPS_TRANSFER_OWNER_BYTES], const char *address,
			       const struct dps_peer_standing *standing)
{
	char key[DPS_FINGERPRINT_TEXT_BYTES];

	if (!standing->has_key) {
		snprintf(owner, DPS_TRANSFER_OWNER_BYTES, "%s", address);
		return;
	}
	dps_fingerprint_format(&standing->key, key);
	snprintf(owner, DPS_TRANSFER_OWNER_BYTES, "%s %s%s%s", address, key,
		 standing->grant.into[0] ? " " : "", standing->grant.into);
}

bool dps_transfer_owner_is_same_peer(const char *one, size_t one_bytes, const char *other,
				     size_t other_bytes)
{
	struct word a[WORDS], b[WORDS];

	split(one, one_bytes, a);
	split(other, other_bytes, b);
	if (a[KEY].bytes > 0 && b[KEY].bytes > 0)
		return is_equal(&a[KEY], &b[KEY]);
	a[ADDRESS] = host_of(a[ADDRESS]);
	b[ADDRESS] = host_of(b[ADDRESS]);
	return a[ADDRESS].bytes > 0 && is_equal(&a[ADDRESS], &b[ADDRESS]);
}

bool dps_transfer_owner_may_resume(const char *owner, size_t bytes,
				   const struct dps_peer_standing *standing)
{
	char key[DPS_FINGERPRINT_TEXT_BYTES] = "";
	const struct word into = { standing->grant.into, strlen(standing->grant.into) };
	struct word words[WORDS], own;

	split(owner, bytes, words);
	if (standing->has_key)
		dps_fingerprint_format(&standing->key, key);
	own = (struct word){ key, strlen(key) };
	return (words[KEY].bytes == 0 || own.bytes == 0 || is_equal(&words[KEY], &own)) &&
	       is_equal(&words[INTO], &into);
}
