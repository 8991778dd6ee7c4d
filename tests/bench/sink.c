/* SPDX-License-Identifier: ISC */
/*
 * A fast SMTP server that takes everything and keeps nothing: what a client can
 * reach at most is measured against it. One thread a connection; replies are
 * gathered and written when the input is used up, so that a pipelined group
 * costs one write. Offers PIPELINING, 8BITMIME, SIZE, ENHANCEDSTATUSCODES, and
 * CHUNKING with -c.
 *
 *     sink [-c] [-d MILLISECONDS]
 *
 * prints "port N", and at SIGTERM "messages N bytes N connections N first T
 * last T", when the first and the last message came, in microseconds of the
 * monotonic clock.
 *
 * -d waits before each write of replies, as a round trip would.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_BYTES (256 * 1024)
#define OUT_BYTES 8192

struct peer {
	int fd;
	bool in_content; /* after 354, before the last dot */
	bool after_crlf; /* the next byte of content begins a line */
	size_t chunk;    /* bytes of BDAT still to come */
	size_t in_len, in_at, out_len;
	char in[IN_BYTES];
	char out[OUT_BYTES];
};

static atomic_ulong messages, bytes, connections;
static atomic_llong first_us, last_us;
static bool chunking;
static long delay_ms;

static bool
flush_out(struct peer *p)
{
	struct timespec pause = { delay_ms / 1000, delay_ms % 1000 * 1000000 };
	size_t at = 0;
	ssize_t n;

	if (p->out_len > 0 && delay_ms > 0)
		(void)nanosleep(&pause, NULL);
	while (at < p->out_len) {
		n = send(p->fd, p->out + at, p->out_len - at, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	p->out_len = 0;
	return true;
}

static bool
say(struct peer *p, const char *text)
{
	size_t len = strlen(text);

	if (p->out_len + len > sizeof(p->out) && !flush_out(p))
		return false;
	memcpy(p->out + p->out_len, text, len);
	p->out_len += len;
	return true;
}

/* More input: what is left moves to the front. False at the end. */
static bool
fill(struct peer *p)
{
	ssize_t n;

	if (!flush_out(p))
		return false;
	if (p->in_at > 0) {
		memmove(p->in, p->in + p->in_at, p->in_len - p->in_at);
		p->in_len -= p->in_at;
		p->in_at = 0;
	}
	if (p->in_len == sizeof(p->in))
		return false; /* a line without end */
	do
		n = recv(p->fd, p->in + p->in_len, sizeof(p->in) - p->in_len,
		    0);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return false;
	p->in_len += (size_t)n;
	return true;
}

/* Use up content; true when its last dot was among it. */
static bool
eat_content(struct peer *p)
{
	const char *at = p->in + p->in_at, *end = p->in + p->in_len, *dot;
	size_t left = (size_t)(end - at), keep;

	if (p->after_crlf && left >= 3 && memcmp(at, ".\r\n", 3) == 0) {
		p->in_at += 3;
		return true;
	}
	if (p->after_crlf && left < 3)
		return false;
	p->after_crlf = false;
	dot = memmem(at, left, "\r\n.\r\n", 5);
	if (dot != NULL) {
		atomic_fetch_add(&bytes, (unsigned long)(dot + 2 - at));
		p->in_at += (size_t)(dot + 5 - at);
		return true;
	}
	/* The last four bytes may begin the end. */
	keep = left < 4 ? left : 4;
	atomic_fetch_add(&bytes, (unsigned long)(left - keep));
	p->in_at += left - keep;
	return false;
}

static bool
got_message(struct peer *p)
{
	struct timespec now;
	long long us, none = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	us = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
	(void)atomic_compare_exchange_strong(&first_us, &none, us);
	atomic_store(&last_us, us);
	atomic_fetch_add(&messages, 1);
	return say(p, "250 2.0.0 Ok\r\n");
}

static bool
eat_chunk(struct peer *p)
{
	size_t left = p->in_len - p->in_at,
	       n = left < p->chunk ? left : p->chunk;

	p->in_at += n;
	p->chunk -= n;
	atomic_fetch_add(&bytes, (unsigned long)n);
	return p->chunk == 0;
}

static bool
bdat(struct peer *p, const char *line, bool *last)
{
	char *end;

	p->chunk = strtoul(line + 5, &end, 10);
	*last = strcasecmp(end, " LAST") == 0;
	while (p->chunk > 0 && !eat_chunk(p))
		if (!fill(p))
			return false;
	return *last ? got_message(p) : say(p, "250 2.0.0 Ok\r\n");
}

/* One command line, NUL-terminated in place of its CRLF. False ends the
 * connection. */
static bool
command(struct peer *p, const char *line)
{
	bool last;

	if (strncasecmp(line, "MAIL", 4) == 0 ||
	    strncasecmp(line, "RCPT", 4) == 0 ||
	    strncasecmp(line, "RSET", 4) == 0 ||
	    strncasecmp(line, "NOOP", 4) == 0)
		return say(p, "250 2.0.0 Ok\r\n");
	if (strncasecmp(line, "DATA", 4) == 0) {
		p->in_content = p->after_crlf = true;
		return say(p, "354 Go on\r\n");
	}
	if (strncasecmp(line, "BDAT ", 5) == 0)
		return bdat(p, line, &last);
	if (strncasecmp(line, "EHLO", 4) == 0)
		return say(p, "250-sink.example\r\n250-PIPELINING\r\n250-"
		              "8BITMIME\r\n250-SIZE\r\n") &&
		       (!chunking || say(p, "250-CHUNKING\r\n")) &&
		       say(p, "250 ENHANCEDSTATUSCODES\r\n");
	if (strncasecmp(line, "HELO", 4) == 0)
		return say(p, "250 sink.example\r\n");
	if (strncasecmp(line, "QUIT", 4) == 0) {
		(void)(say(p, "221 2.0.0 Bye\r\n") && flush_out(p));
		return false;
	}
	return say(p, "500 5.5.1 Unknown\r\n");
}

static bool
step(struct peer *p)
{
	char *line = p->in + p->in_at, *end;

	if (p->in_content) {
		if (!eat_content(p))
			return fill(p);
		p->in_content = false;
		return got_message(p);
	}
	end = memmem(line, p->in_len - p->in_at, "\r\n", 2);
	if (end == NULL)
		return fill(p);
	*end = '\0';
	p->in_at += (size_t)(end + 2 - line);
	return command(p, line);
}

static void *
serve(void *arg)
{
	struct peer *p = arg;

	atomic_fetch_add(&connections, 1);
	if (say(p, "220 sink.example ESMTP\r\n"))
		while (step(p))
			;
	close(p->fd);
	free(p);
	return NULL;
}

static void
accept_one(int listener)
{
	struct peer *p = calloc(1, sizeof(*p));
	pthread_t thread;
	int on = 1;

	if (p == NULL)
		abort();
	p->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (p->fd == -1) {
		free(p);
		return;
	}
	(void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (pthread_create(&thread, NULL, serve, p) != 0)
		abort();
	pthread_detach(thread);
}

static void *
report_at_term(void *arg)
{
	int sig;

	(void)sigwait(arg, &sig);
	printf("messages %lu bytes %lu connections %lu first %lld last %lld\n",
	    atomic_load(&messages), atomic_load(&bytes),
	    atomic_load(&connections), atomic_load(&first_us),
	    atomic_load(&last_us));
	fflush(stdout);
	_exit(0);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int c, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;
	sigset_t term;

	while ((c = getopt(argc, argv, "cd:")) != -1) {
		if (c == 'c')
			chunking = true;
		else if (c == 'd')
			delay_ms = strtol(optarg, NULL, 10);
		else
			return 64;
	}
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	if (bind(listener, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(listener, 1024) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) == -1 ||
	    pthread_create(&thread, NULL, report_at_term, &term) != 0) {
		perror("sink");
		return 1;
	}
	printf("port %d\n", ntohs(sin.sin_port));
	fflush(stdout);
	for (;;)
		accept_one(listener);
}
