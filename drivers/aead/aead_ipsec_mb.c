/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES-GCM by intel-ipsec-mb, through its direct calls. Its job queue would gain nothing: several
 * packets at once fill the pipeline of ciphers that wait for themselves, and GCM's counter mode
 * fills it with one.
 */
#include "drivers/aead/aead.h"
#include "drivers/vector.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

/* Both here, so that what is left of a packet's work lies where the key lies. */
struct expanded {
	struct gcm_key_data key;
	struct gcm_context_data context;
};

_Static_assert(sizeof(struct expanded) <= DPS_AEAD_KEY_MEMORY_BYTES, "a key fits its memory");
_Static_assert(_Alignof(struct expanded) <= 64, "a key is aligned in its memory");

/* The library's calls for a cipher and a direction: all at once, or part by part. */
struct calls {
	aes_gcm_enc_dec_t whole;
	aes_gcm_init_t begin;
	aes_gcm_enc_dec_update_t part;
	aes_gcm_enc_dec_finalize_t end;
};

/* Made once, and only read afterwards. */
static IMB_MGR *manager;
static struct calls seal_calls[DPS_AEAD_CIPHERS_COUNT], open_calls[DPS_AEAD_CIPHERS_COUNT];
static pthread_once_t manager_once = PTHREAD_ONCE_INIT;

static void note_calls(const IMB_MGR *of)
{
	seal_calls[DPS_AEAD_AES_128_GCM] =
		(struct calls){ of->gcm128_enc, of->gcm128_init, of->gcm128_enc_update,
				of->gcm128_enc_finalize };
	open_calls[DPS_AEAD_AES_128_GCM] =
		(struct calls){ of->gcm128_dec, of->gcm128_init, of->gcm128_dec_update,
				of->gcm128_dec_finalize };
	seal_calls[DPS_AEAD_AES_256_GCM] =
		(struct calls){ of->gcm256_enc, of->gcm256_init, of->gcm256_enc_update,
				of->gcm256_enc_finalize };
	open_calls[DPS_AEAD_AES_256_GCM] =
		(struct calls){ of->gcm256_dec, of->gcm256_init, of->gcm256_dec_update,
				of->gcm256_dec_finalize };
}

static void make_manager(void)
{
	IMB_ARCH arch = IMB_ARCH_NONE;

	manager = alloc_mb_mgr(0);
	if (!manager)
		return;
	init_mb_mgr_auto(manager, &arch);
	/* Without the processor's own AES it would look keys up in tables, in no constant time. */
	if (imb_get_errno(manager) != 0 || arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI) {
		free_mb_mgr(manager);
		manager = NULL;
		return;
	}
	note_calls(manager);
}

static struct expanded *expanded_of(struct dps_aead_key *key)
{
	return (struct expanded *)key->memory;
}

static int init(struct dps_aead_key *key)
{
	(void)key; /* has all it needs */
	return 0;
}

static void change(struct dps_aead_key *key, const uint8_t *secret)
{
	if (key->cipher == DPS_AEAD_AES_128_GCM)
		IMB_AES128_GCM_PRE(manager, secret, &expanded_of(key)->key);
	else
		IMB_AES256_GCM_PRE(manager, secret, &expanded_of(key)->key);
	dps_vector_leave_clean();
}

static void fini(struct dps_aead_key *key)
{
	OPENSSL_cleanse(key->memory, sizeof(key->memory));
}

static void pass_parts(const struct calls *calls, struct expanded *with,
		       const struct dps_aead_packet *packet, uint8_t tag[DPS_AEAD_TAG_BYTES])
{
	calls->begin(&with->key, &with->context, packet->nonce, packet->header,
		     packet->header_bytes);
	for (unsigned int i = 0; i < DPS_AEAD_PARTS; i++)
		calls->part(&with->key, &with->context, packet->parts[i].to, packet->parts[i].from,
			    packet->parts[i].bytes);
	calls->end(&with->key, &with->context, tag, DPS_AEAD_TAG_BYTES);
}

static inline void pass(const struct calls *calls, struct expanded *with,
			const struct dps_aead_packet *packet, uint8_t tag[DPS_AEAD_TAG_BYTES])
{
	const struct dps_aead_part *part = &packet->parts[0];

	if (__builtin_expect(packet->parts[1].bytes != 0, 0))
		pass_parts(calls, with, packet, tag);
	else
		calls->whole(&with->key, &with->context, part->to, part->from, part->bytes,
			     packet->nonce, packet->header, packet->header_bytes, tag,
			     DPS_AEAD_TAG_BYTES);
}

static void seal(struct dps_aead_key *key, struct dps_aead_packet *packets, unsigned int count)
{
	const struct calls *calls = &seal_calls[key->cipher];

	for (unsigned int i = 0; i < count; i++)
		pass(calls, expanded_of(key), &packets[i], packets[i].tag);
	dps_vector_leave_clean();
}

/* In constant time: all bytes are looked at, and nothing is chosen by what they are. */
static inline bool is_same(const uint8_t a[DPS_AEAD_TAG_BYTES], const uint8_t b[DPS_AEAD_TAG_BYTES])
{
	uint64_t x[2], y[2];

	_Static_assert(sizeof(x) == DPS_AEAD_TAG_BYTES, "a tag is two words");
	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static unsigned int open(struct dps_aead_key *key, struct dps_aead_packet *packets,
			 unsigned int count)
{
	const struct calls *calls = &open_calls[key->cipher];
	unsigned int i;

	for (i = 0; i < count; i++) {
		uint8_t tag[DPS_AEAD_TAG_BYTES];

		pass(calls, expanded_of(key), &packets[i], tag);
		if (!is_same(tag, packets[i].tag))
			break;
	}
	dps_vector_leave_clean();
	return i;
}

/* Nonces of packets of one key: what differs between them is their last eight bytes. */
struct nonces {
	uint8_t bytes[DPS_AEAD_NONCE_BYTES];
	uint64_t iv;
};

static inline struct nonces nonces_from(const uint8_t iv[DPS_AEAD_NONCE_BYTES])
{
	struct nonces nonces;

	nonces.iv = dps_load_be64(iv + 4);
	memcpy(nonces.bytes, iv, sizeof(nonces.bytes));
	return nonces;
}

static inline const uint8_t *nonce_of(struct nonces *nonces, uint64_t packet_number)
{
	dps_store_be64(nonces->bytes + 4, nonces->iv ^ packet_number);
	return nonces->bytes;
}

/* What is in head in place, then the body to its room. */
__attribute__((noinline)) static void seal_parts(const struct calls *calls, struct expanded *with,
						 const struct dps_outgoing *outgoing,
						 const uint8_t *nonce)
{
	uint8_t *head = outgoing->head, *inside = head + DPS_ENVELOPE_BYTES;
	struct dps_aead_packet packet = { .header = head, .header_bytes = DPS_HEADER_BYTES };

	DPS_ASSERT(outgoing->head_bytes > DPS_ENVELOPE_BYTES);
	memcpy(packet.nonce, nonce, sizeof(packet.nonce));
	packet.parts[0] =
		(struct dps_aead_part){ inside, inside, outgoing->head_bytes - DPS_ENVELOPE_BYTES };
	packet.parts[1] =
		(struct dps_aead_part){ outgoing->room, outgoing->body, outgoing->body_bytes };
	pass(calls, with, &packet, head + DPS_HEADER_BYTES);
}

/* Straight from a datagram to the library's call: a description between costs as much again. */
static void seal_burst(struct dps_aead_key *key, const uint8_t iv[DPS_AEAD_NONCE_BYTES],
		       struct dps_outgoing *outgoing, unsigned int count)
{
	const struct calls *calls = &seal_calls[key->cipher];
	struct expanded *with = expanded_of(key);
	const aes_gcm_enc_dec_t whole = calls->whole;
	const struct dps_outgoing *end = outgoing + count;
	struct nonces nonces = nonces_from(iv);

	for (; outgoing < end; outgoing++) {
		const uint8_t *nonce = nonce_of(&nonces, outgoing->packet_number);
		uint8_t *head = outgoing->head;

		DPS_ASSERT(outgoing->room || outgoing->body_bytes == 0);
		if (__builtin_expect(outgoing->head_bytes == DPS_ENVELOPE_BYTES, 1))
			whole(&with->key, &with->context, outgoing->room, outgoing->body,
			      outgoing->body_bytes, nonce, head, DPS_HEADER_BYTES,
			      head + DPS_HEADER_BYTES, DPS_AEAD_TAG_BYTES);
		else
			seal_parts(calls, with, outgoing, nonce);
		outgoing->body = outgoing->room;
	}
	dps_vector_leave_clean();
}

static unsigned int open_run(struct dps_aead_key *key, const uint8_t iv[DPS_AEAD_NONCE_BYTES],
			     const struct dps_run_placement *run,
			     const struct dps_incoming *incoming, unsigned int first,
			     unsigned int count)
{
	struct expanded *with = expanded_of(key);
	const aes_gcm_enc_dec_t whole = open_calls[key->cipher].whole;
	const uint32_t payload_bytes = run->payload_bytes;
	const uint8_t(*header)[DPS_HEADER_BYTES] = &run->headers[first];
	uint8_t *to = run->to + (size_t)first * payload_bytes;
	uint64_t number = run->packet_number + first;
	const uint64_t end = number + count;
	struct nonces nonces = nonces_from(iv);

	for (incoming += first; number < end; number++, incoming++, header++) {
		const uint8_t *bytes = incoming->bytes;
		uint8_t tag[DPS_AEAD_TAG_BYTES];

		whole(&with->key, &with->context, to, bytes + DPS_ENVELOPE_BYTES, payload_bytes,
		      nonce_of(&nonces, number), *header, DPS_HEADER_BYTES, tag,
		      DPS_AEAD_TAG_BYTES);
		if (!is_same(tag, bytes + DPS_HEADER_BYTES))
			break;
		to += payload_bytes;
	}
	dps_vector_leave_clean();
	return count - (unsigned int)(end - number);
}

static const struct dps_aead ipsec_mb = {
	.name = "intel-ipsec-mb",
	.init = init,
	.change = change,
	.fini = fini,
	.seal = seal,
	.open = open,
	.seal_burst = seal_burst,
	.open_run = open_run,
};

const struct dps_aead *dps_aead_ipsec_mb(void)
{
	pthread_once(&manager_once, make_manager);
	return manager ? &ipsec_mb : NULL;
}
