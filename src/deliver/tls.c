/* SPDX-License-Identifier: ISC */
/*
 * The SSL object reads and writes the descriptor that the stream already has,
 * so the buffers stay where they are; the caller has made sure that they are
 * empty (nothing that came in clear text may count as said under TLS).
 */
#include "deliver/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "deliver/secret.h"

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

int
tls_context_new(const struct relay_conf *conf, SSL_CTX **out,
    struct po_err *err)
{
	SSL_CTX *ctx;

	*out = NULL;
	if (conf->tls == TLS_NONE)
		return 0;
	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL)
		return po_fail(err, PO_EOS, "TLS: %s", openssl_reason());
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		(void)po_fail(err, PO_ECONFIG, "TLS: %s", openssl_reason());
		goto fail;
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                          SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_verify(ctx,
	    conf->tls == TLS_VERIFY ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (conf->tls == TLS_VERIFY && load_roots(ctx, conf, err) == -1)
		goto fail;
	*out = ctx;
	return 0;
fail:
	SSL_CTX_free(ctx);
	return -1;
}

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
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
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
		    "TLS: certificate of %s: %s", host,
		    X509_verify_cert_error_string(verify));
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
	if (handshake(st, name))
		return true;
	st->read_failed = st->write_failed = true;
	return false;
}
