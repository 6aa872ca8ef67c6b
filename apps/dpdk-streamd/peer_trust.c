/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/peer_trust.h"
#include "drivers/log/log.h"
#include <dps/types.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

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

bool dps_peer_trust_renew(struct dps_peer_trust *trust, struct dps_peer_standing *standing,
			  char *why)
{
	const struct dps_trust_question question = dps_credentials_question(
		standing->side, &standing->proved, standing->name, standing->certified);
	struct dps_grant grant;

	if (!dps_credentials_judge(&trust->credentials, &question, &grant, why))
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
	if (trust->credentials.trust.config.pinned_count > 0)
		return;
	result = dps_trust_watch_open(&trust->watch, trust->credentials.folder_fd);
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
		trust->credentials.folder, DPS_TRUST_NAME, strerror(-result));
}

void dps_peer_trust_unwatch(struct dps_peer_trust *trust)
{
	if (trust->watch.fd < 0)
		return;
	dps_loop_remove_timer(trust->loop, &trust->gone_timer);
	dps_loop_remove(trust->loop, &trust->watch_source);
	dps_trust_watch_close(&trust->watch);
}

/* ---- what users are told, and have said ---- */

static void on_news(void *context, const char *who, const char *sentence)
{
	(void)context;
	(void)who; /* the sentence says so */
	dps_log("trust", DPS_LOG_NOTICE, "%s", sentence);
}

static void on_wrong(void *context, unsigned int line, const char *why)
{
	const struct dps_peer_trust *trust = context;

	dps_log("trust", DPS_LOG_WARNING, "%s/%s, line %u allows nothing: %s",
		trust->credentials.folder, DPS_TRUST_NAME, line, why);
}

int dps_peer_trust_open(struct dps_peer_trust *trust, const struct dps_options *options,
			char sentence[DPS_TRUST_SENTENCE_BYTES])
{
	const struct dps_tls_authority_files files = {
		.ca = options->ca,
		.crl = options->crl,
		.cert = options->cert,
		.key = options->key,
	};
	const struct dps_credentials_config config = {
		.state = options->state,
		.peer_keys = options->peer_keys,
		.peer_keys_count = options->peer_keys_count,
		.trusts_on_first_use = options->trusts_on_first_use,
		.is_clear = options->is_clear,
		.cipher = options->cipher,
		.authority = &files,
		.state_option = "--state",
		.clear_option = "--clear",
		.on_news = on_news,
		.on_wrong = on_wrong,
		.context = trust,
	};
	int result;

	*trust = (struct dps_peer_trust){ .watch.fd = -1 };
	result = dps_credentials_open(&trust->credentials, &config, sentence);
	if (result == 0 && trust->credentials.aead)
		dps_log("trust", DPS_LOG_INFO, "data is sealed: %s", trust->credentials.sealed_by);
	return result;
}

void dps_peer_trust_close(struct dps_peer_trust *trust)
{
	dps_credentials_close(&trust->credentials);
}

/* ---- of a connection ---- */

struct dps_socket *dps_peer_trust_dial(struct dps_peer_trust *trust, struct dps_socket *socket,
				       const struct dps_endpoint_name *to)
{
	bool is_ipv6 = strchr(to->host, ':') != NULL;
	char name[DPS_ENDPOINT_HOST_BYTES + 16];

	if (to->port == DPS_ENDPOINT_PORT)
		snprintf(name, sizeof(name), "%s", to->host);
	else
		snprintf(name, sizeof(name), is_ipv6 ? "[%s]:%u" : "%s:%u", to->host, to->port);
	return dps_tls_wrap(trust->credentials.tls, socket, DPS_TLS_DIALED, name);
}

int dps_peer_trust_make_seal(const struct dps_peer_keys *keys, uint64_t own_connection_id,
			     uint64_t peer_connection_id, struct dps_seal **seal)
{
	return dps_credentials_make_seal(&keys->trust->credentials, keys->socket, keys->epoch,
					 own_connection_id, peer_connection_id, seal);
}
