/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/peer_trust.h"
#include "drivers/aead/aead_choice.h"
#include "drivers/control/tls_seal.h"
#include "drivers/log/log.h"
#include <dps/types.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void on_wrong(void *context, unsigned int line, const char *why)
{
	const struct dps_peer_trust *trust = context;

	dps_log("trust", DPS_LOG_WARNING, "%s/%s, line %u allows nothing: %s", trust->folder,
		DPS_TRUST_NAME, line, why);
}

static void known_by(struct dps_peer_standing *standing)
{
	char name[DPS_TLS_CERTIFIED_BYTES + 4];
	int bytes = snprintf(name, sizeof(name), "ca:%.*s", (int)strcspn(standing->certified, " "),
			     standing->certified);

	standing->key = standing->proved;
	if (standing->certified[0])
		dps_fingerprint_make(&standing->key, (const uint8_t *)name, (size_t)bytes);
}

static void stand(struct dps_peer_standing *standing, const struct dps_tls_peer *peer)
{
	*standing = (struct dps_peer_standing){ .has_key = true, .side = peer->side };
	snprintf(standing->name, sizeof(standing->name), "%s", peer->name);
	snprintf(standing->certified, sizeof(standing->certified), "%s", peer->certified);
	dps_fingerprint_make(&standing->proved, peer->public_key, peer->public_key_bytes);
	known_by(standing);
}

/* Who dials collects from nobody: the other side has to be a collector, and the other way round. */
static struct dps_trust_question question_of(const struct dps_peer_standing *standing)
{
	bool is_dialed = standing->side == DPS_TLS_DIALED;

	return (struct dps_trust_question){
		.fingerprint = &standing->proved,
		.name = standing->name,
		.role = is_dialed ? DPS_MAY_COLLECT : DPS_MAY_EXPORT,
		.certified = standing->certified,
		.is_named = is_dialed,
	};
}

static bool judge(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct dps_peer_standing standing;

	_Static_assert((int)DPS_TRUST_SENTENCE_BYTES <= (int)DPS_TLS_TEXT_BYTES, "it fits");
	stand(&standing, peer);
	return dps_peer_trust_renew(context, &standing, why);
}

static bool on_proved(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct dps_peer_trust *trust = context;
	struct dps_peer_standing standing;
	struct dps_trust_question question;
	enum dps_trust_verdict verdict;

	stand(&standing, peer);
	question = question_of(&standing);
	verdict = dps_trust_judge(&trust->trust, &question, NULL, why);
	if (dps_trust_is_refused(verdict)) /* the file has changed since */
		return false;
	if (verdict != DPS_TRUST_FIRST_USE)
		return true;
	if (dps_trust_remember(&trust->trust, &question, why) < 0)
		return false;
	dps_log("trust", DPS_LOG_NOTICE, "%s", why);
	return true;
}

bool dps_peer_trust_renew(struct dps_peer_trust *trust, struct dps_peer_standing *standing,
			  char *why)
{
	const struct dps_trust_question question = question_of(standing);
	struct dps_grant grant;

	if (dps_trust_is_refused(dps_trust_judge(&trust->trust, &question, &grant, why)))
		return false;
	standing->grant = grant;
	return true;
}

bool dps_peer_trust_stand(struct dps_peer_trust *trust, const struct dps_socket *socket,
			  struct dps_peer_standing *standing, char *why)
{
	struct dps_tls_peer peer;

	dps_tls_read_peer(socket, &peer);
	stand(standing, &peer);
	return dps_peer_trust_renew(trust, standing, why);
}

/* ---- a file that changes ---- */

/* Many editors move the old file away, or remove it, before they write the new one. */
#define GONE_NS DPS_NS_PER_S

static void tell_changed(struct dps_peer_trust *trust, uint64_t now_ns)
{
	trust->gone_until_ns = DPS_NEVER_NS;
	trust->on_changed(trust->context, now_ns);
}

static void on_watch(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_peer_trust *trust = context;

	(void)events;
	if (dps_trust_watch_take(&trust->watch))
		tell_changed(trust, now_ns);
	else if (trust->watch.is_gone && trust->gone_until_ns == DPS_NEVER_NS)
		trust->gone_until_ns = now_ns + GONE_NS;
}

static uint64_t next_deadline_ns(void *context)
{
	const struct dps_peer_trust *trust = context;

	return trust->gone_until_ns;
}

static void on_due(void *context, uint64_t now_ns)
{
	struct dps_peer_trust *trust = context;

	if (now_ns >= trust->gone_until_ns)
		tell_changed(trust, now_ns);
}

void dps_peer_trust_watch(struct dps_peer_trust *trust, struct dps_loop *loop,
			  void (*on_changed)(void *context, uint64_t now_ns), void *context)
{
	int result;

	trust->loop = loop;
	trust->on_changed = on_changed;
	trust->context = context;
	trust->gone_until_ns = DPS_NEVER_NS;
	trust->watch.fd = -1;
	if (trust->trust.config.pinned_count > 0)
		return;
	result = dps_trust_watch_open(&trust->watch, trust->folder_fd);
	if (result == 0) {
		trust->watch_source = (struct dps_loop_source){
			.fd = trust->watch.fd,
			.wants = EPOLLIN,
			.on_ready = on_watch,
			.context = trust,
		};
		result = dps_loop_add(loop, &trust->watch_source);
	}
	if (result == 0) {
		trust->gone_timer = (struct dps_loop_timer){
			.next_deadline_ns = next_deadline_ns,
			.on_due = on_due,
			.context = trust,
		};
		dps_loop_add_timer(loop, &trust->gone_timer);
		return;
	}
	dps_trust_watch_close(&trust->watch);
	dps_log("trust", DPS_LOG_WARNING,
		"%s/%s cannot be watched (%s): what is changed there holds from the next "
		"connection on",
		trust->folder, DPS_TRUST_NAME, strerror(-result));
}

void dps_peer_trust_unwatch(struct dps_peer_trust *trust)
{
	if (trust->watch.fd < 0)
		return;
	dps_loop_remove_timer(trust->loop, &trust->gone_timer);
	dps_loop_remove(trust->loop, &trust->watch_source);
	dps_trust_watch_close(&trust->watch);
}

/* ---- what it is made of ---- */

static int open_identity(struct dps_peer_trust *trust, char *sentence)
{
	bool is_new;
	int result = dps_identity_open(&trust->identity, trust->folder_fd, trust->folder, true,
				       &is_new, sentence);

	if (result < 0)
		return result;
	dps_fingerprint_format(&trust->identity.fingerprint, trust->own_key);
	if (is_new)
		dps_log("trust", DPS_LOG_NOTICE, "a new key for this user is in %s/%s: %s",
			trust->folder, DPS_IDENTITY_NAME, trust->own_key);
	return 0;
}

/* Which library seals packets: the one that is right, and fast. */
static int choose_cipher(struct dps_peer_trust *trust, const struct dps_options *options,
			 char *sentence)
{
	char chosen[DPS_AEAD_SENTENCE_BYTES];
	struct dps_clock clock;

	if (options->is_clear)
		return 0;
	dps_clock_init_real(&clock);
	trust->cipher = options->cipher;
	trust->aead = dps_aead_choose(&clock, options->cipher, chosen);
	if (trust->aead) {
		dps_log("trust", DPS_LOG_INFO, "data is sealed: %s", chosen);
		return 0;
	}
	snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
		 "data cannot be encrypted: %s; --clear on both sides does without", chosen);
	return -ENOTSUP;
}

/* What peers are shown, and would have to trust if they know no authority. */
static void show_key(struct dps_peer_trust *trust, EVP_PKEY *key)
{
	struct dps_fingerprint fingerprint;
	uint8_t *public_key = NULL;
	int bytes = i2d_PUBKEY(key, &public_key);

	if (bytes <= 0)
		return;
	dps_fingerprint_make(&fingerprint, public_key, (size_t)bytes);
	OPENSSL_free(public_key);
	dps_fingerprint_format(&fingerprint, trust->own_key);
}

static int open_authority(struct dps_peer_trust *trust, const struct dps_options *options,
			  char *sentence)
{
	const struct dps_tls_authority_files files = {
		.ca = options->ca,
		.crl = options->crl,
		.cert = options->cert,
		.key = options->key,
	};
	char why[DPS_TLS_TEXT_BYTES];
	int result = dps_tls_authority_open(&trust->authority, &files, why);

	if (result < 0)
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES, "%s", why);
	else if (dps_tls_authority_key(trust->authority))
		show_key(trust, dps_tls_authority_key(trust->authority));
	return result;
}

int dps_peer_trust_open(struct dps_peer_trust *trust, const struct dps_options *options,
			char sentence[DPS_TRUST_SENTENCE_BYTES])
{
	int result;

	memset(trust, 0, sizeof(*trust));
	dps_state_folder_find(options, trust->folder);
	trust->folder_fd = dps_state_folder_open(trust->folder);
	if (trust->folder_fd < 0) {
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "the state folder %.700s, where this user's key is kept: %s; name another "
			 "with --state",
			 trust->folder, strerror(-trust->folder_fd));
		return trust->folder_fd;
	}
	result = open_identity(trust, sentence);
	if (result < 0) {
		close(trust->folder_fd);
		return result;
	}
	dps_trust_init(&trust->trust, &(struct dps_trust_config){
					      .folder_fd = trust->folder_fd,
					      .folder = trust->folder,
					      .own = &trust->identity.fingerprint,
					      .pinned = options->peer_keys,
					      .pinned_count = options->peer_keys_count,
					      .trusts_on_first_use = options->trusts_on_first_use,
					      .on_wrong = on_wrong,
					      .context = trust,
				      });
	result = choose_cipher(trust, options, sentence);
	if (result < 0) {
		dps_peer_trust_close(trust);
		return result;
	}
	result = open_authority(trust, options, sentence);
	if (result < 0) {
		dps_peer_trust_close(trust);
		return result;
	}
	trust->tls = dps_tls_create(&(struct dps_tls_config){
		.key = trust->identity.key,
		.authority = trust->authority,
		.judge = judge,
		.on_proved = on_proved,
		.context = trust,
		.own_key = trust->own_key,
	});
	if (trust->tls)
		return 0;
	snprintf(sentence, DPS_TRUST_SENTENCE_BYTES, "OpenSSL here cannot do TLS 1.3 with %s",
		 options->cert ? "the --cert and --key that were given" : "Ed25519");
	dps_peer_trust_close(trust);
	return -ENOTSUP;
}

void dps_peer_trust_close(struct dps_peer_trust *trust)
{
	dps_tls_destroy(trust->tls);
	dps_tls_authority_close(trust->authority);
	dps_trust_fini(&trust->trust);
	dps_identity_close(&trust->identity);
	close(trust->folder_fd);
}

struct dps_socket *dps_peer_trust_dial(struct dps_peer_trust *trust, struct dps_socket *socket,
				       const struct dps_endpoint_name *to)
{
	bool is_ipv6 = strchr(to->host, ':') != NULL;
	char name[DPS_ENDPOINT_HOST_BYTES + 16];

	if (to->port == DPS_ENDPOINT_PORT)
		snprintf(name, sizeof(name), "%s", to->host);
	else
		snprintf(name, sizeof(name), is_ipv6 ? "[%s]:%u" : "%s:%u", to->host, to->port);
	return dps_tls_wrap(trust->tls, socket, DPS_TLS_DIALED, name);
}

int dps_peer_trust_make_seal(const struct dps_peer_keys *keys, uint64_t own_connection_id,
			     uint64_t peer_connection_id, struct dps_seal **seal)
{
	const struct dps_peer_trust *trust = keys->trust;

	*seal = NULL;
	if (!trust->aead)
		return 0;
	return dps_tls_make_seal(keys->socket,
				 &(struct dps_tls_seal_config){
					 .aead = trust->aead,
					 .cipher = trust->cipher,
					 .epoch = keys->epoch,
					 .own_connection_id = own_connection_id,
					 .peer_connection_id = peer_connection_id,
					 .is_exporter = keys->is_exporter,
				 },
				 seal);
}
