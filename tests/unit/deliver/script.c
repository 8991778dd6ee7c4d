/* SPDX-License-Identifier: ISC */
/*
 * Certificates by name: "localhost" and "127.0.0.1" are good ones for that
 * name, "other" is for another host, "expired" is what it says, "self" is
 * localhost's own signature, "old" speaks TLS 1.1 at most.
 */
#include "script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIFETIME_S 30

struct peer {
	int listener;
	int fd;
	SSL *ssl;
	int step;
	char seen[4096];
};

static EVP_PKEY *ca_key;
static X509 *ca_cert;
static char ca_file[64];

static _Noreturn void give_up(const struct peer *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static _Noreturn void
give_up(const struct peer *p, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "# script, step %d: ", p->step);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (ext == NULL || X509_add_ext(cert, ext, -1) != 1)
		abort();
	X509_EXTENSION_free(ext);
}

static X509 *
make_cert(const char *cn, const char *alt, long not_after_s, EVP_PKEY *key,
    X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	static long serial = 1;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), not_after_s);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(cert,
	    issuer == NULL ? name : X509_get_subject_name(issuer));
	add_extension(cert, NID_basic_constraints,
	    issuer == NULL && alt == NULL ? "critical,CA:TRUE" : "CA:FALSE");
	if (alt != NULL)
		add_extension(cert, NID_subject_alt_name, alt);
	if (X509_sign(cert, issuer_key, EVP_sha256()) == 0)
		abort();
	return cert;
}

const char *
script_ca_file(void)
{
	FILE *f;
	int fd;

	if (ca_file[0] != '\0')
		return ca_file;
	ca_key = EVP_EC_gen("P-256");
	ca_cert = make_cert("po test CA", NULL, 86400, ca_key, NULL, ca_key);
	snprintf(ca_file, sizeof(ca_file), "/tmp/po-test-ca.XXXXXX");
	fd = mkstemp(ca_file);
	f = fdopen(fd, "w");
	PEM_write_X509(f, ca_cert);
	fclose(f);
	return ca_file;
}

void
script_forget_ca(void)
{
	if (ca_file[0] != '\0')
		(void)unlink(ca_file);
	X509_free(ca_cert);
	EVP_PKEY_free(ca_key);
}

static SSL_CTX *
server_context(const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	const char *alt = "DNS:localhost";
	long not_after_s = 86400;
	bool self = strcmp(name, "self") == 0;

	if (strcmp(name, "127.0.0.1") == 0)
		alt = "IP:127.0.0.1";
	if (strcmp(name, "other") == 0)
		alt = "DNS:mail.example.net";
	if (strcmp(name, "expired") == 0)
		not_after_s = -3600;
	if (strcmp(name, "old") == 0)
		SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	SSL_CTX_use_certificate(ctx,
	    make_cert("server", alt, not_after_s, key, self ? NULL : ca_cert,
	        self ? key : ca_key));
	SSL_CTX_use_PrivateKey(ctx, key);
	return ctx;
}

/* 0 at the end of input. */
static size_t
take(struct peer *p, char *to, size_t len)
{
	ssize_t n;

	if (p->ssl != NULL)
		n = SSL_read(p->ssl, to, (int)len);
	else
		n = read(p->fd, to, len);
	return n > 0 ? (size_t)n : 0;
}

static bool
give(struct peer *p, const char *from, size_t len)
{
	ssize_t n;

	while (len > 0) {
		if (p->ssl != NULL)
			n = SSL_write(p->ssl, from, (int)len);
		else
			n = send(p->fd, from, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		from += n;
		len -= (size_t)n;
	}
	return true;
}

static void
next_connection(struct peer *p)
{
	if (p->fd != -1)
		close(p->fd);
	p->ssl = NULL;
	p->fd = accept(p->listener, NULL, NULL);
	if (p->fd == -1)
		give_up(p, "accept: %s", strerror(errno));
}

/* Byte by byte: what belongs to the next step stays in the socket. */
static void
hear(struct peer *p, const char *end, const char *want)
{
	size_t len = 0, tail = strlen(end);

	while (len < tail || memcmp(p->seen + len - tail, end, tail) != 0) {
		if (len == sizeof(p->seen) - 1)
			give_up(p, "heard too much for \"%s\"", want);
		if (take(p, p->seen + len, 1) == 0) {
			p->seen[len] = '\0';
			give_up(p, "end of input for \"%s\" after \"%s\"", want,
			    p->seen);
		}
		len++;
	}
	if (tail == 2)
		len -= tail;
	p->seen[len] = '\0';
	if (strcmp(p->seen, want) != 0)
		give_up(p, "heard \"%s\" instead of \"%s\"", p->seen, want);
}

static void
handshake(struct peer *p, const char *name, bool want)
{
	int n;

	p->ssl = SSL_new(server_context(name));
	SSL_set_fd(p->ssl, p->fd);
	n = SSL_accept(p->ssl);
	/* TLS 1.3: the client's refusal comes behind our part. */
	if (n == 1 && !want && SSL_read(p->ssl, p->seen, 1) <= 0)
		n = -1;
	if ((n == 1) != want)
		give_up(p, "handshake %s", n == 1 ? "succeeded" : "failed");
}

/* A group leaves in one write, so the rest of it is here already. */
static void
be_alone(struct peer *p)
{
	int unread = 0;

	if (ioctl(p->fd, FIONREAD, &unread) == -1 || unread > 0)
		give_up(p, "%d bytes behind \"%s\"", unread, p->seen);
}

static void
reset_connection(struct peer *p)
{
	struct linger hard = { 1, 0 };

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(p->fd);
	p->fd = -1;
}

/* The end as a FIN: closing with bytes unread would send a RST, or not, as the
 * other side's last words come early or late. */
static void
hang_up(struct peer *p)
{
	char rest[4096];

	(void)shutdown(p->fd, SHUT_WR);
	while (read(p->fd, rest, sizeof(rest)) > 0)
		;
	close(p->fd);
	p->fd = -1;
}

/* Sends on and on until the client has closed. */
static void
pester(struct peer *p, const char *text, size_t chunk, int wait_ms)
{
	struct pollfd pfd = { p->fd, POLLIN, 0 };
	size_t at = 0;

	for (;;) {
		if (poll(&pfd, 1, wait_ms) == 1 && take(p, p->seen, 1) == 0)
			return;
		if (!give(p, text + at, chunk == 0 ? strlen(text) : chunk))
			return;
		at = chunk == 0 ? 0 : (at + chunk) % strlen(text);
	}
}

static void
run_step(struct peer *p, const struct script_step *s)
{
	size_t i;

	switch (s->verb) {
	case SCRIPT_ACCEPT:
		next_connection(p);
		break;
	case SCRIPT_SAY:
		(void)give(p, s->text, strlen(s->text));
		break;
	case SCRIPT_DRIP:
		for (i = 0; s->text[i] != '\0'; i++)
			(void)give(p, &s->text[i], 1);
		break;
	case SCRIPT_FLOOD:
		pester(p, s->text, 0, 0);
		break;
	case SCRIPT_TRICKLE:
		pester(p, s->text, 1, 200);
		break;
	case SCRIPT_HEAR:
		hear(p, "\r\n", s->text);
		break;
	case SCRIPT_ALONE:
		be_alone(p);
		break;
	case SCRIPT_CONTENT:
		hear(p, "\r\n.\r\n", s->text);
		break;
	case SCRIPT_TLS:
		handshake(p, s->text, true);
		break;
	case SCRIPT_TLS_FAILS:
		handshake(p, s->text, false);
		break;
	case SCRIPT_HANG_UP:
		hang_up(p);
		break;
	case SCRIPT_LEAVE:
		close(p->fd);
		p->fd = -1;
		break;
	case SCRIPT_RESET:
		reset_connection(p);
		break;
	case SCRIPT_END:
		if (take(p, p->seen, 1) != 0)
			give_up(p, "heard more after the end: '%c'",
			    p->seen[0]);
		break;
	case SCRIPT_SWALLOW:
		while (take(p, p->seen, sizeof(p->seen)) != 0)
			;
		break;
	case SCRIPT_SIGNAL:
		(void)kill(getppid(), SIGUSR1);
		break;
	case SCRIPT_DONE:
		break;
	}
}

static _Noreturn void
serve(int listener, const struct script_step *steps)
{
	struct peer p = { .listener = listener, .fd = -1 };

	alarm(LIFETIME_S);
	signal(SIGPIPE, SIG_IGN);
	for (; steps->verb != SCRIPT_DONE; steps++, p.step++)
		run_step(&p, steps);
	_exit(0);
}

struct script_server
script_start(const struct script_step *steps)
{
	return script_start_at("127.0.0.1", steps);
}

struct script_server
script_start_at(const char *address, const struct script_step *steps)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct script_server s = { -1, 0 };
	socklen_t len = sizeof(sa);
	int fd;

	assert_int_equal(inet_pton(AF_INET, address, &sa.sin_addr), 1);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	s.port = ntohs(sa.sin_port);
	(void)fflush(NULL);
	s.pid = fork();
	if (s.pid == 0)
		serve(fd, steps);
	close(fd);
	return s;
}

void
script_finish(struct script_server *s)
{
	int status = 0;

	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
