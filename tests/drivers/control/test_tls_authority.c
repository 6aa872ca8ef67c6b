/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS with certificates of authorities that the test makes, over a pair of connected sockets. */
#include "drivers/control/tls_authority.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include "tests/support/tls_turns.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 512, DAY_S = 86400 };

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
};

/* What a certificate is to be like; zeros: a good one. */
struct wish {
	const char *names; /* subjectAltName; NULL: none */
	const char *use;   /* extendedKeyUsage; NULL: none */
	long from_s;	   /* valid, from now; 0: since yesterday */
	long until_s;	   /* 0: until tomorrow */
};

struct party {
	EVP_PKEY *key; /* of its own making */
	struct dps_tls_authority *authority;
	struct dps_tls *tls;
	char certified[DPS_TLS_CERTIFIED_BYTES];
	unsigned int judged_count;
};

struct world {
	struct scratch scratch;
	struct authority ours, others;
	struct party exporter, collector;
	struct dps_socket *dialed, *accepted;
	bool has_list; /* who is created looks into the list of what is revoked */
	char list[PATH_BYTES];
};

static bool judge(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct party *party = context;

	(void)why;
	party->judged_count++;
	snprintf(party->certified, sizeof(party->certified), "%s", peer->certified);
	return true;
}

/* ---- certificates ---- */

static void add_extension(X509 *certificate, int id, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *issue(EVP_PKEY *key, const char *subject, const struct authority *by,
		   const struct wish *wish)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
	X509_gmtime_adj(X509_getm_notBefore(certificate), wish->from_s ? wish->from_s : -DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(certificate), wish->until_s ? wish->until_s : DAY_S);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1,
				   0);
	X509_set_issuer_name(certificate,
			     by->certificate ? X509_get_subject_name(by->certificate) : name);
	X509_set_pubkey(certificate, key);
	if (!by->certificate)
		add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
	if (wish->names)
		add_extension(certificate, NID_subject_alt_name, wish->names);
	if (wish->use)
		add_extension(certificate, NID_ext_key_usage, wish->use);
	assert_true(
		X509_sign(certificate, by->key,
			  EVP_PKEY_get_base_id(by->key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()) >
		0);
	return certificate;
}

static void make_authority(struct authority *authority, const char *subject)
{
	static const struct wish plain = { 0 };

	authority->key = EVP_EC_gen("P-256");
	authority->certificate = issue(authority->key, subject, authority, &plain);
}

/* between: what stands behind the certificate in the file, or NULL. */
static void write_pem(const struct world *world, const char *name, X509 *certificate, X509 *between,
		      EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long bytes;

	if (certificate)
		assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
	if (between)
		assert_int_equal(PEM_write_bio_X509(bio, between), 1);
	if (key)
		assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	bytes = BIO_get_mem_data(bio, &text);
	scratch_write(&world->scratch, name, text, (size_t)bytes);
	assert_int_equal(fchmodat(world->scratch.fd, name, 0600, 0), 0);
	BIO_free(bio);
}

/* Writes NAME.cert and NAME.key. */
static void make_files(const struct world *world, const char *name, EVP_PKEY *key,
		       const struct authority *by, const struct wish *wish)
{
	X509 *certificate = issue(key, name, by, wish);
	char file[64];

	snprintf(file, sizeof(file), "%s.cert", name);
	write_pem(world, file, certificate, by->certificate, NULL);
	snprintf(file, sizeof(file), "%s.key", name);
	write_pem(world, file, NULL, NULL, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* ---- the two ---- */

static int open_authority(struct world *world, struct dps_tls_authority **authority, const char *ca,
			  const char *name, char *sentence)
{
	char ca_file[PATH_BYTES], cert_file[PATH_BYTES], key_file[PATH_BYTES];

	snprintf(ca_file, sizeof(ca_file), "%s/%s", world->scratch.path, ca ? ca : "");
	snprintf(cert_file, sizeof(cert_file), "%s/%s.cert", world->scratch.path, name ? name : "");
	snprintf(key_file, sizeof(key_file), "%s/%s.key", world->scratch.path, name ? name : "");
	snprintf(world->list, sizeof(world->list), "%s/list", world->scratch.path);
	return dps_tls_authority_open(authority,
				      &(struct dps_tls_authority_files){
					      .ca = ca ? ca_file : NULL,
					      .crl = world->has_list ? world->list : NULL,
					      .cert = name ? cert_file : NULL,
					      .key = name ? key_file : NULL,
				      },
				      sentence);
}

/* ca, name: of the files; NULL: none. */
static void create(struct world *world, struct party *party, const char *ca, const char *name)
{
	char sentence[DPS_TLS_TEXT_BYTES];

	if (open_authority(world, &party->authority, ca, name, sentence) < 0)
		fail_msg("%s", sentence);
	party->tls = dps_tls_create(&(struct dps_tls_config){
		.key = party->key,
		.authority = party->authority,
		.judge = judge,
		.context = party,
	});
	assert_non_null(party->tls);
}

static int begin(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	scratch_create(&world->scratch, SCRATCH_DISK);
	make_authority(&world->ours, "our authority");
	make_authority(&world->others, "another authority");
	write_pem(world, "ours", world->ours.certificate, NULL, NULL);
	write_pem(world, "others", world->others.certificate, NULL, NULL);
	world->exporter.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	world->collector.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	*state = world;
	return 0;
}

static void close_party(struct party *party)
{
	dps_tls_destroy(party->tls);
	dps_tls_authority_close(party->authority);
	EVP_PKEY_free(party->key);
}

static int end(void **state)
{
	struct world *world = *state;

	if (world->dialed)
		world->dialed->ops->close(world->dialed);
	if (world->accepted)
		world->accepted->ops->close(world->accepted);
	close_party(&world->exporter);
	close_party(&world->collector);
	X509_free(world->ours.certificate);
	X509_free(world->others.certificate);
	EVP_PKEY_free(world->ours.key);
	EVP_PKEY_free(world->others.key);
	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

static void shake_hands(struct world *world, const char *dialed_name, int results[2])
{
	static const struct dps_socket_address nowhere = { .storage.ss_family = AF_UNIX,
							   .bytes = sizeof(sa_family_t) };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	world->dialed = dps_tls_wrap(world->exporter.tls, dps_socket_create_tcp(fds[0], &nowhere),
				     DPS_TLS_DIALED, dialed_name);
	world->accepted =
		dps_tls_wrap(world->collector.tls, dps_socket_create_tcp(fds[1], &nowhere),
			     DPS_TLS_ACCEPTED, "10.0.0.7");
	tls_turns_shake_hands(world->dialed, world->accepted, results);
}

/* Both with a certificate, and ours for their authority. */
static void meet(struct world *world, const char *dialed_name, int results[2])
{
	create(world, &world->exporter, "ours", "exporter");
	create(world, &world->collector, "ours", "collector");
	shake_hands(world, dialed_name, results);
}

static void assert_says(const struct dps_socket *socket, const char *part)
{
	assert_non_null(socket->trouble);
	if (!strstr(socket->trouble, part))
		fail_msg("%s", socket->trouble);
	assert_true(socket->is_refused);
}

/* The exporter proves itself first done in TLS 1.3: what it is told comes with a read. */
static void assert_told(struct dps_socket *socket, const char *part)
{
	assert_int_equal(tls_turns_read(socket), -EACCES);
	assert_says(socket, part);
}

static const struct wish good_collector = { .names = "DNS:archive,IP:192.0.2.1",
					    .use = "serverAuth" };
static const struct wish good_exporter = { .names = "DNS:probe-3.example.org,DNS:probe-3",
					   .use = "clientAuth" };

static void make_good(struct world *world)
{
	make_files(world, "collector", EVP_EC_gen("P-256"), &world->ours, &good_collector);
	make_files(world, "exporter", EVP_RSA_gen(2048), &world->ours, &good_exporter);
}

/* The exporter's certificate is like that: both hear of it. */
static void check_exporter(struct world *world, const struct wish *wish, const char *says,
			   const char *told)
{
	int results[2];

	make_good(world);
	make_files(world, "exporter", EVP_EC_gen("P-256"), &world->ours, wish);
	meet(world, "archive", results);
	assert_int_equal(results[1], -EACCES);
	assert_says(world->accepted, says);
	assert_int_equal(world->collector.judged_count, 0);
	assert_told(world->dialed, told);
}

/* The same the other way round. */
static void check_collector(struct world *world, const struct wish *wish, const char *says)
{
	int results[2];

	make_good(world);
	make_files(world, "collector", EVP_EC_gen("P-256"), &world->ours, wish);
	meet(world, "archive:7421", results);
	assert_int_equal(results[0], -EACCES);
	assert_says(world->dialed, says);
	assert_int_equal(world->exporter.judged_count, 0);
	assert_int_equal(results[1], -EACCES);
}

/* ---- */

static void chain__lets_both_in_and_tells_their_names(void **state)
{
	struct world *world = *state;
	int results[2];

	make_good(world);
	meet(world, "archive:7421", results);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
	assert_string_equal(world->exporter.certified, "archive");
	assert_string_equal(world->collector.certified, "probe-3.example.org probe-3");
}

static void chain__is_held_to_an_address_that_was_dialled(void **state)
{
	struct world *world = *state;
	int results[2];

	make_good(world);
	meet(world, "192.0.2.1", results);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
}

static void chain__refuses_another_name(void **state)
{
	check_collector(*state,
			&(struct wish){ .names = "DNS:archive.example.org", .use = "serverAuth" },
			"is for another name (archive.example.org): dial it by one that it has");
}

/* What stands in its subject only was never checked to be a name. */
static void chain__does_not_take_a_subject_for_a_name(void **state)
{
	struct world *world = *state;
	int results[2];

	make_good(world);
	make_files(world, "archive", EVP_EC_gen("P-256"), &world->ours, &(struct wish){ 0 });
	create(world, &world->exporter, "ours", "exporter");
	create(world, &world->collector, "ours", "archive");
	shake_hands(world, "archive", results);
	assert_int_equal(results[0], -EACCES);
	assert_says(world->dialed, "is for another name");
}

static void chain__refuses_what_has_expired(void **state)
{
	check_exporter(
		*state,
		&(struct wish){ .names = "DNS:probe-3", .from_s = -2 * DAY_S, .until_s = -DAY_S },
		"has expired, at 2", "says that our certificate has expired");
}

static void chain__refuses_a_collector_that_has_expired(void **state)
{
	check_collector(
		*state,
		&(struct wish){ .names = "DNS:archive", .from_s = -2 * DAY_S, .until_s = -DAY_S },
		"has expired, at 2");
}

static void chain__refuses_what_is_not_valid_yet(void **state)
{
	check_exporter(
		*state,
		&(struct wish){ .names = "DNS:probe-3", .from_s = DAY_S, .until_s = 2 * DAY_S },
		"is not valid yet, before 2", "it is not valid yet");
}

static void chain__refuses_a_wrong_use(void **state)
{
	check_exporter(*state, &(struct wish){ .names = "DNS:probe-3", .use = "serverAuth" },
		       "needs clientAuth in it", "is not for this use");
}

static void chain__refuses_a_collector_with_a_wrong_use(void **state)
{
	check_collector(*state, &(struct wish){ .names = "DNS:archive", .use = "clientAuth" },
			"needs serverAuth in it");
}

static void chain__refuses_who_has_no_name(void **state)
{
	check_exporter(*state, &(struct wish){ .names = "IP:10.0.0.7" }, "says no name",
		       "our certificate");
}

static void chain__refuses_another_authority(void **state)
{
	struct world *world = *state;
	int results[2];

	make_good(world);
	make_files(world, "exporter", EVP_EC_gen("P-256"), &world->others, &good_exporter);
	meet(world, "archive", results);
	assert_int_equal(results[1], -EACCES);
	assert_says(world->accepted, "is of no authority that --ca names");
	assert_told(world->dialed, "does not trust our certificate");
}

/* Somebody makes an authority of his own, of the same name. */
static void chain__is_not_taken_in_by_a_name(void **state)
{
	struct world *world = *state;
	struct authority forged = { 0 };
	int results[2];

	make_good(world);
	make_authority(&forged, "our authority");
	make_files(world, "exporter", EVP_EC_gen("P-256"), &forged, &good_exporter);
	meet(world, "archive", results);
	assert_int_equal(results[1], -EACCES);
	assert_says(world->accepted, "is of no authority that --ca names");
	X509_free(forged.certificate);
	EVP_PKEY_free(forged.key);
}

/* A certificate is no authority, though one of ours has made it. */
static void chain__refuses_what_a_peer_has_made(void **state)
{
	struct world *world = *state;
	struct authority peer = { .key = EVP_EC_gen("P-256") };
	int results[2];

	make_good(world);
	peer.certificate = issue(peer.key, "probe-3", &world->ours, &good_exporter);
	make_files(world, "exporter", EVP_EC_gen("P-256"), &peer, &good_exporter);
	meet(world, "archive", results);
	assert_int_equal(results[1], -EACCES);
	assert_says(world->accepted, "is of no authority that --ca names");
	X509_free(peer.certificate);
	EVP_PKEY_free(peer.key);
}

/* Keys of their own making are judged as ever, beside an authority. */
static void keys__go_beside_an_authority(void **state)
{
	struct world *world = *state;
	int results[2];

	make_good(world);
	create(world, &world->exporter, "ours", NULL);
	create(world, &world->collector, "ours", "collector");
	shake_hands(world, "archive", results);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
	assert_string_equal(world->collector.certified, "");
	assert_string_equal(world->exporter.certified, "archive");
}

static void certificate__says_nothing_to_who_believes_no_authority(void **state)
{
	struct world *world = *state;
	int results[2];

	make_good(world);
	make_files(world, "exporter", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), &world->ours,
		   &(struct wish){ .names = "DNS:probe-3", .until_s = -1, .from_s = -DAY_S });
	create(world, &world->exporter, NULL, "exporter");
	create(world, &world->collector, NULL, NULL);
	shake_hands(world, "archive", results);
	/* Its key counts alone, as that of everybody. */
	assert_int_equal(results[1], 0);
	assert_string_equal(world->collector.certified, "");
}

static void certificate__is_not_taken_where_there_is_no_authority(void **state)
{
	struct world *world = *state;
	int results[2];

	make_good(world);
	create(world, &world->exporter, NULL, "exporter"); /* RSA */
	create(world, &world->collector, NULL, NULL);
	shake_hands(world, "archive", results);
	assert_int_not_equal(results[1], 0);
	assert_int_equal(world->collector.judged_count, 0);
	if (results[0] == 0)
		assert_told(world->dialed, "--ca there");
	else
		assert_says(world->dialed, "--ca there");
}

/* ---- revoked ---- */

/* A list of this authority, with the serial number that all certificates here have, or without. */
static void write_list(const struct world *world, const struct authority *by, bool has_it,
		       long from_s, long until_s)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *time = ASN1_TIME_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long bytes;

	X509_CRL_set_version(list, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(by->certificate));
	X509_CRL_set1_lastUpdate(list, X509_gmtime_adj(time, from_s));
	X509_CRL_set1_nextUpdate(list, X509_gmtime_adj(time, until_s));
	if (has_it) {
		X509_REVOKED *one = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(one, X509_get_serialNumber(by->certificate));
		X509_REVOKED_set_revocationDate(one, X509_gmtime_adj(time, -DAY_S));
		assert_int_equal(X509_CRL_add0_revoked(list, one), 1);
	}
	assert_true(X509_CRL_sign(list, by->key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509_CRL(bio, list), 1);
	bytes = BIO_get_mem_data(bio, &text);
	scratch_write(&world->scratch, "new", text, (size_t)bytes);
	assert_int_equal(renameat(world->scratch.fd, "new", world->scratch.fd, "list"), 0);
	BIO_free(bio);
	ASN1_TIME_free(time);
	X509_CRL_free(list);
}

static void create_collector_with_list(struct world *world)
{
	world->has_list = true;
	create(world, &world->collector, "ours", "collector");
}

/* Both believe the authority; the collector looks into the list. */
static void create_with_list(struct world *world)
{
	make_good(world);
	create(world, &world->exporter, "ours", "exporter");
	create_collector_with_list(world);
}

static void shake_again(struct world *world, int results[2])
{
	if (world->dialed)
		world->dialed->ops->close(world->dialed);
	if (world->accepted)
		world->accepted->ops->close(world->accepted);
	shake_hands(world, "archive", results);
}

static void check_list(struct world *world, const char *says, const char *told)
{
	int results[2];

	world->collector.judged_count = 0;
	shake_again(world, results);
	assert_int_equal(results[1], -EACCES);
	assert_says(world->accepted, says);
	assert_int_equal(world->collector.judged_count, 0);
	assert_told(world->dialed, told);
}

static void revoked__is_refused_from_the_next_connection_on(void **state)
{
	struct world *world = *state;
	int results[2];

	write_list(world, &world->ours, false, -DAY_S, DAY_S);
	create_with_list(world);
	shake_again(world, results);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
	write_list(world, &world->ours, true, -DAY_S, DAY_S);
	check_list(world, "was revoked by its authority", "says that our certificate was revoked");
	write_list(world, &world->ours, false, -DAY_S, DAY_S);
	shake_again(world, results);
	assert_int_equal(results[1], 0);
}

static void list__out_of_date_lets_nobody_in(void **state)
{
	struct world *world = *state;

	write_list(world, &world->ours, false, -2 * DAY_S, -DAY_S);
	create_with_list(world);
	check_list(world, "was good until 2", "--crl is out of date");
	write_list(world, &world->ours, false, DAY_S, 2 * DAY_S);
	check_list(world, "does not hold (CRL is not yet valid)", "--crl is out of date");
}

static void list__of_another_authority_is_none(void **state)
{
	struct world *world = *state;
	struct authority forged = { 0 };

	write_list(world, &world->others, false, -DAY_S, DAY_S);
	create_with_list(world);
	check_list(world, "has no list of the authority", "--crl is out of date");
	/* Nor does one count that somebody has made in its name. */
	make_authority(&forged, "our authority");
	write_list(world, &forged, false, -DAY_S, DAY_S);
	check_list(world, "does not hold (CRL signature failure)", "--crl is out of date");
	X509_free(forged.certificate);
	EVP_PKEY_free(forged.key);
}

static void list__that_is_gone_or_damaged_lets_nobody_in(void **state)
{
	static const char cut[] = "-----BEGIN X509 CRL-----\nMIIB";
	struct world *world = *state;
	int results[2];

	write_list(world, &world->ours, false, -DAY_S, DAY_S);
	create_with_list(world);
	assert_int_equal(unlinkat(world->scratch.fd, "list", 0), 0);
	check_list(world, "No such file or directory; put the authority's newest list there",
		   "--crl is out of date");
	scratch_write(&world->scratch, "list", cut, sizeof(cut) - 1);
	check_list(world, "has a list in it that cannot be read", "--crl is out of date");
	assert_int_equal(unlinkat(world->scratch.fd, "list", 0), 0);
	assert_int_equal(mkfifoat(world->scratch.fd, "list", 0600), 0);
	check_list(world, "is no file", "--crl is out of date");
	write_list(world, &world->ours, false, -DAY_S, DAY_S);
	shake_again(world, results);
	assert_int_equal(results[1], 0);
}

/* Keys of their own making are no matter of authorities. */
static void list__is_not_asked_about_keys(void **state)
{
	struct world *world = *state;
	int results[2];

	write_list(world, &world->ours, true, -2 * DAY_S, -DAY_S);
	make_good(world);
	create(world, &world->exporter, "ours", NULL);
	create_collector_with_list(world);
	shake_again(world, results);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
}

/* ---- files ---- */

static void check_files(struct world *world, const char *ca, const char *name, const char *part)
{
	struct dps_tls_authority *authority;
	char sentence[DPS_TLS_TEXT_BYTES];

	assert_true(open_authority(world, &authority, ca, name, sentence) < 0);
	assert_null(authority);
	if (!strstr(sentence, part))
		fail_msg("%s", sentence);
}

static void open__says_what_is_wrong_with_a_file(void **state)
{
	struct world *world = *state;
	struct dps_tls_authority *authority;
	char sentence[DPS_TLS_TEXT_BYTES];

	make_good(world);
	check_files(world, "missing", NULL, "missing No such file");
	scratch_write(&world->scratch, "empty", "x", 1);
	check_files(world, "empty", NULL, "has no certificate in PEM");
	check_files(world, NULL, "missing", "missing.cert No such file");
	assert_int_equal(fchmodat(world->scratch.fd, "exporter.key", 0640, 0), 0);
	check_files(world, NULL, "exporter", "chmod 600");
	assert_int_equal(
		renameat(world->scratch.fd, "collector.key", world->scratch.fd, "exporter.key"), 0);
	check_files(world, NULL, "exporter", "is not the key of --cert");
	scratch_write(&world->scratch, "collector.key", "x", 1);
	assert_int_equal(fchmodat(world->scratch.fd, "collector.key", 0600, 0), 0);
	check_files(world, NULL, "collector", "has no private key in PEM");
	assert_int_equal(dps_tls_authority_open(&authority,
						&(struct dps_tls_authority_files){ .cert = "x" },
						sentence),
			 -EINVAL);
	assert_non_null(strstr(sentence, "belong together"));
	assert_int_equal(dps_tls_authority_open(&authority,
						&(struct dps_tls_authority_files){ .crl = "x" },
						sentence),
			 -EINVAL);
	assert_non_null(strstr(sentence, "--ca has to name them"));
	world->has_list = true;
	check_files(world, "ours", NULL, "list No such file");
	scratch_write(&world->scratch, "list", "x", 1);
	check_files(world, "ours", NULL, "has no list of revoked certificates in PEM");
	assert_int_equal(dps_tls_authority_open(&authority, &(struct dps_tls_authority_files){ 0 },
						sentence),
			 0);
	assert_null(authority);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(chain__lets_both_in_and_tells_their_names),
		TEST(chain__is_held_to_an_address_that_was_dialled),
		TEST(chain__refuses_another_name),
		TEST(chain__does_not_take_a_subject_for_a_name),
		TEST(chain__refuses_what_has_expired),
		TEST(chain__refuses_a_collector_that_has_expired),
		TEST(chain__refuses_what_is_not_valid_yet),
		TEST(chain__refuses_a_wrong_use),
		TEST(chain__refuses_a_collector_with_a_wrong_use),
		TEST(chain__refuses_who_has_no_name),
		TEST(chain__refuses_another_authority),
		TEST(chain__is_not_taken_in_by_a_name),
		TEST(chain__refuses_what_a_peer_has_made),
		TEST(keys__go_beside_an_authority),
		TEST(certificate__says_nothing_to_who_believes_no_authority),
		TEST(certificate__is_not_taken_where_there_is_no_authority),
		TEST(revoked__is_refused_from_the_next_connection_on),
		TEST(list__out_of_date_lets_nobody_in),
		TEST(list__of_another_authority_is_none),
		TEST(list__that_is_gone_or_damaged_lets_nobody_in),
		TEST(list__is_not_asked_about_keys),
		TEST(open__says_what_is_wrong_with_a_file),
	};

	return cmocka_run_group_tests_name("tls_authority", tests, NULL, NULL);
}
