/* SPDX-License-Identifier: ISC */
/*
 * The SSL object reads and writes the descriptor that the stream already has,
 * so the buffers stay where they are; the caller has made sure that they are
 * empty (nothing that came in clear text may count as said under TLS).
 */
#include "deliver/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "deliver/secret.h"
#include "util/fd.h"
#include "util/sha256.h"
#include "util/xalloc.h"

#define SESSION_S 3600 /* a certificate is looked at again after this */

/* What a context knows beyond OpenSSL's own. */
struct memory {
	SSL_SESSION *session; /* of the last connection, or NULL */
	char host[256];       /* to which */
	unsigned char (*fingerprints)[SHA256_BYTES];
	size_t n;
};

static const char *
openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason == NULL ? "unknown error" : reason;
}

static int
load_roots(SSL_CTX *ctx, const struct relay_conf *conf, struct po_err *err)
{
	const char *ca_file = conf->ca_file;

	if (ca_file[0] == '\0') {
		if (SSL_CTX_set_default_verify_paths(ctx) == 1)
			return 0;
		return po_fail(err, PO_ECONFIG,
		    "TLS: the system's certificates: %s", openssl_reason());
	}
	/* OpenSSL would call a missing file "system lib". */
	if (access(ca_file, R_OK) == -1)
		return po_fail_sys(err, PO_ECONFIG,
		    "%s.ca_file %s cannot be read by uid %lu",
		    secret_owner(conf), ca_file, (unsigned long)getuid());
	if (SSL_CTX_load_verify_file(ctx, ca_file) == 1)
		return 0;
	return po_fail(err, PO_ECONFIG, "%s.ca_file %s: %s", secret_owner(conf),
	    ca_file, openssl_reason());
}

/* ------------------------------------------------------------ fingerprints */

static int
hex_digit(char c)
{
	if (ascii_is_digit((unsigned char)c))
		return c - '0';
	c = (char)ascii_lower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 64 digits, or pairs of them with colons between. */
static bool
parse_fingerprint(const char *text, unsigned char out[SHA256_BYTES])
{
	int high, low;
	size_t i;

	for (i = 0; i < SHA256_BYTES; i++) {
		if (i > 0 && *text == ':')
			text++;
		high = hex_digit(text[0]);
		low = high == -1 ? -1 : hex_digit(text[1]);
		if (low == -1)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
		text += 2;
	}
	return *text == '\0';
}

static int
load_fingerprints(struct memory *m, const struct relay_conf *conf,
    struct po_err *err)
{
	const struct conf_names *names = &conf->fingerprints;

	if (conf->tls != TLS_FINGERPRINT)
		return 0;
	if (names->n == 0)
		return po_fail(err, PO_ECONFIG,
		    "%s.tls is fingerprint, but %s.fingerprints is empty",
		    secret_owner(conf), secret_owner(conf));
	m->fingerprints = xcalloc(names->n, sizeof(*m->fingerprints));
	for (; m->n < names->n; m->n++)
		if (!parse_fingerprint(names->v[m->n], m->fingerprints[m->n]))
			return po_fail(err, PO_ECONFIG,
			    "%s.fingerprints: \"%s\" is no SHA-256 in 64 "
			    "hexadecimal digits",
			    secret_owner(conf), names->v[m->n]);
	return 0;
}

static bool
is_allowed(const struct memory *m, const unsigned char digest[SHA256_BYTES])
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (memcmp(m->fingerprints[i], digest, SHA256_BYTES) == 0)
			return true;
	return false;
}

/* Of the certificate, or of its public key (SubjectPublicKeyInfo). */
static bool
fingerprint_ok(struct stream *st, const struct memory *m, const char *host)
{
	unsigned char of_cert[SHA256_BYTES], of_key[SHA256_BYTES];
	char shown[2 * SHA256_BYTES + 1];
	X509 *cert = SSL_get1_peer_certificate(st->ssl);
	unsigned char *der = NULL;
	int len;
	size_t i;
	bool ok;

	len = cert == NULL ? -1
	                   : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	ok =
	    len > 0 && X509_digest(cert, EVP_sha256(), of_cert, NULL) == 1 &&
	    EVP_Digest(der, (size_t)len, of_key, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	X509_free(cert);
	if (!ok)
		return stream_fail(st, STREAM_FAILED,
		    "TLS: certificate of %s: %s", host, openssl_reason());
	if (is_allowed(m, of_cert) || is_allowed(m, of_key))
		return true;
	for (i = 0; i < SHA256_BYTES; i++)
		(void)snprintf(shown + 2 * i, 3, "%02x", of_cert[i]);
	return stream_fail(st, STREAM_FAILED,
	    "TLS: certificate of %s: its fingerprint %s is not among those "
	    "allowed",
	    host, shown);
}

/* ------------------------------------------------------------ our own */

static bool
is_empty(const char *s)
{
	return s == NULL || s[0] == '\0';
}

/* A key with a password is not asked for at a terminal. */
static int
no_password(char *out, int max, int writing, void *arg)
{
	(void)out;
	(void)max;
	(void)writing;
	(void)arg;
	return -1;
}

static int
load_key(SSL_CTX *ctx, const struct relay_conf *conf, struct po_err *err)
{
	bool apart = !is_empty(conf->key_file);
	const char *path = apart ? conf->key_file : conf->cert_file;
	const char *what = apart ? "key_file" : "cert_file";
	const char *who = secret_owner(conf);
	char text[BUFSIZ]; /* what is read, wiped at the end */
	EVP_PKEY *key = NULL;
	FILE *f = NULL;
	int fd, rc = -1;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return po_fail_sys(err, PO_ECONFIG,
		    "%s.%s %s cannot be read by uid %lu", who, what, path,
		    (unsigned long)geteuid());
	if (secret_check_file(fd, who, what, path, err) == -1)
		goto out;
	f = fdopen(fd, "r");
	if (f == NULL) {
		(void)po_fail_sys(err, PO_EOS, "%s", path);
		goto out;
	}
	fd = -1;
	(void)setvbuf(f, text, _IOFBF, sizeof(text));
	key = PEM_read_PrivateKey(f, NULL, no_password, NULL);
	if (key == NULL || SSL_CTX_use_PrivateKey(ctx, key) != 1)
		(void)po_fail(err, PO_ECONFIG, "%s.%s %s: %s", who, what, path,
		    openssl_reason());
	else
		rc = 0;
out:
	EVP_PKEY_free(key);
	if (f != NULL)
		(void)fclose(f);
	OPENSSL_cleanse(text, sizeof(text));
	fd_close(&fd);
	return rc;
}

static int
load_certificate(SSL_CTX *ctx, const struct relay_conf *conf,
    struct po_err *err)
{
	const char *who = secret_owner(conf);

	if (is_empty(conf->cert_file))
		return is_empty(conf->key_file)
		           ? 0
		           : po_fail(err, PO_ECONFIG,
		                 "%s.key_file needs %s.cert_file", who, who);
	if (access(conf->cert_file, R_OK) == -1)
		return po_fail_sys(err, PO_ECONFIG,
		    "%s.cert_file %s cannot be read by uid %lu", who,
		    conf->cert_file, (unsigned long)getuid());
	if (SSL_CTX_use_certificate_chain_file(ctx, conf->cert_file) != 1)
		return po_fail(err, PO_ECONFIG, "%s.cert_file %s: %s", who,
		    conf->cert_file, openssl_reason());
	return load_key(ctx, conf, err);
}

/* ------------------------------------------------------------ sessions */

/* Each ticket is the newest: TLS 1.3 sends them behind the handshake, and one
 * is good for one connection. */
static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct memory *m = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(m->session);
	m->session = session;
	return 1;
}

static void
forget_session(struct memory *m)
{
	SSL_SESSION_free(m->session);
	m->session = NULL;
}

/* What was found out about a certificate holds for an hour, and for the host
 * that showed it. */
static void
resume_session(SSL *ssl, struct memory *m, const char *host)
{
	if (m->session != NULL &&
	    (strcmp(m->host, host) != 0 ||
	        SSL_SESSION_get_time(m->session) + SESSION_S <
	            (long)time(NULL)))
		forget_session(m);
	if (m->session != NULL && SSL_SESSION_is_resumable(m->session) == 1)
		(void)SSL_set_session(ssl, m->session);
	(void)snprintf(m->host, sizeof(m->host), "%s", host);
}

/* ------------------------------------------------------------ names */

/* The names that a certificate is for, for people; as much as fits. */
static void
print_names(X509 *cert, char *out, size_t max)
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const GENERAL_NAME *name;
	const ASN1_STRING *text;
	int i, n = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
	size_t len = 0;

	(void)snprintf(out, max, "no host in subjectAltName");
	for (i = 0; i < n && len + 1 < max; i++) {
		name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS)
			continue;
		text = name->d.dNSName;
		len += (size_t)snprintf(out + len, max - len, "%s%.*s",
		    len == 0 ? "" : ", ", ASN1_STRING_length(text),
		    (const char *)ASN1_STRING_get0_data(text));
	}
	GENERAL_NAMES_free(names);
}

static int
on_verify(int ok, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	struct stream *st = SSL_get_app_data(ssl);
	int error = X509_STORE_CTX_get_error(ctx);

	if (ok != 1 && (error == X509_V_ERR_HOSTNAME_MISMATCH ||
	                   error == X509_V_ERR_IP_ADDRESS_MISMATCH))
		print_names(X509_STORE_CTX_get_current_cert(ctx), st->names,
		    sizeof(st->names));
	return ok;
}

/* ------------------------------------------------------------ context */

int
tls_context_new(const struct relay_conf *conf, SSL_CTX **out,
    struct po_err *err)
{
	struct memory *m;
	SSL_CTX *ctx;

	*out = NULL;
	if (conf->tls == TLS_NONE)
		return 0;
	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL)
		return po_fail(err, PO_EOS, "TLS: %s", openssl_reason());
	m = xcalloc(1, sizeof(*m));
	SSL_CTX_set_app_data(ctx, m);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		(void)po_fail(err, PO_ECONFIG, "TLS: %s", openssl_reason());
		goto fail;
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                          SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep_session);
	if (conf->tls == TLS_VERIFY) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
		if (load_roots(ctx, conf, err) == -1)
			goto fail;
	}
	if (load_fingerprints(m, conf, err) == -1 ||
	    load_certificate(ctx, conf, err) == -1)
		goto fail;
	*out = ctx;
	return 0;
fail:
	tls_context_free(ctx);
	return -1;
}

void
tls_context_free(SSL_CTX *ctx)
{
	struct memory *m = ctx == NULL ? NULL : SSL_CTX_get_app_data(ctx);

	if (m != NULL) {
		forget_session(m);
		free(m->fingerprints);
		free(m);
	}
	SSL_CTX_free(ctx);
}

/* ------------------------------------------------------------ connection */

static bool
is_address(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 ||
	       inet_pton(AF_INET6, host, bytes) == 1;
}

/* SNI. OpenSSL's macro casts const away, which clang does not let pass: it
 * gets a copy. */
static bool
set_server_name(SSL *ssl, const char *host)
{
	char name[TLSEXT_MAXLEN_host_name + 1];
	int n = snprintf(name, sizeof(name), "%s", host);

	return n > 0 && (size_t)n < sizeof(name) &&
	       SSL_set_tlsext_host_name(ssl, name) == 1;
}

/* Name the peer we mean: for the server (SNI, names only) and for the check. */
static bool
set_peer(SSL *ssl, enum tls_level level, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	bool address = is_address(host);

	if (!address && !set_server_name(ssl, host))
		return false;
	if (level != TLS_VERIFY)
		return true;
	if (address)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	/* The name counts in subjectAltName alone (RFC 9525, 6.3). */
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
	                           X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return SSL_set1_host(ssl, host) == 1;
}

static bool
handshake_failed(struct stream *st, const char *host, int n, int sys)
{
	long verify = SSL_get_verify_result(st->ssl);
	int kind = SSL_get_error(st->ssl, n);
	unsigned long e = ERR_peek_error();

	if (verify != X509_V_OK &&
	    ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return stream_fail(st, STREAM_FAILED,
		    "TLS: certificate of %s: %s%s%s", host,
		    X509_verify_cert_error_string(verify),
		    st->names[0] == '\0' ? "" : "; it is for ", st->names);
	if (kind == SSL_ERROR_SYSCALL && sys != 0)
		return stream_fail(st, STREAM_FAILED,
		    "TLS: handshake with %s: %s", host, strerror(sys));
	if (kind == SSL_ERROR_SYSCALL || kind == SSL_ERROR_ZERO_RETURN ||
	    ERR_GET_REASON(e) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return stream_fail(st, STREAM_EOF,
		    "TLS: handshake with %s: connection closed", host);
	return stream_fail(st, STREAM_FAILED, "TLS: handshake with %s: %s",
	    host, e == 0 ? "protocol error" : ERR_reason_error_string(e));
}

static bool
handshake(struct stream *st, const char *host)
{
	short events, revents;
	int n, sys;

	for (;;) {
		ERR_clear_error();
		errno = 0;
		n = SSL_connect(st->ssl);
		sys = errno;
		if (n == 1)
			return true;
		switch (SSL_get_error(st->ssl, n)) {
		case SSL_ERROR_WANT_READ:
			events = POLLIN;
			break;
		case SSL_ERROR_WANT_WRITE:
			events = POLLOUT;
			break;
		default:
			return handshake_failed(st, host, n, sys);
		}
		if (!stream_wait(st, events, &revents)) {
			if (st->error == STREAM_TIMEOUT)
				(void)snprintf(st->text, sizeof(st->text),
				    "TLS: handshake with %s: timed out", host);
			return false;
		}
	}
}

bool
tls_start(struct stream *st, SSL_CTX *ctx, enum tls_level level,
    const char *host)
{
	struct memory *m = SSL_CTX_get_app_data(ctx);
	char name[256];
	size_t len = strlen(host);

	if (len >= 2 && host[0] == '[' && host[len - 1] == ']')
		(void)snprintf(name, sizeof(name), "%.*s", (int)(len - 2),
		    host + 1);
	else
		(void)snprintf(name, sizeof(name), "%s", host);
	st->ssl = SSL_new(ctx);
	if (st->ssl == NULL || SSL_set_fd(st->ssl, st->fd) != 1 ||
	    !set_peer(st->ssl, level, name)) {
		st->read_failed = st->write_failed = true;
		return stream_fail(st, STREAM_FAILED, "TLS: %s",
		    openssl_reason());
	}
	SSL_set_app_data(st->ssl, st);
	resume_session(st->ssl, m, name);
	if (handshake(st, name) &&
	    (level != TLS_FINGERPRINT || fingerprint_ok(st, m, name)))
		return true;
	forget_session(m);
	st->read_failed = st->write_failed = true;
	return false;
}
