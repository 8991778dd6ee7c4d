/* SPDX-License-Identifier: ISC */
/*
 * The other side of etpan_plain: the same files over one connection through
 * the sessions that a worker of po-queue uses, the next message announced.
 *
 *     smtp_client HOST PORT FOLDER [CA-FILE]    every file of FOLDER is one
 * message; with a CA file over verified TLS from the first byte. Prints
 * "messages N".
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/transport.h"

struct mail {
	struct deliver_message m;
	struct delivery result;
};

static char *
keep(const char *s)
{
	char *copy = strdup(s);

	if (copy == NULL)
		exit(71);
	return copy;
}

/* The next file as a message; false at the end. */
static bool
next_mail(DIR *d, const struct envelope *env, struct mail *mail)
{
	static const size_t which[] = { 0 };
	struct dirent *e;
	struct stat st;
	int fd;

	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
		if (fd == -1 || fstat(fd, &st) == -1)
			exit(74);
		mail->m = (struct deliver_message){ .env = env,
			.which = which,
			.n = 1,
			.fd = fd,
			.length = (uint64_t)st.st_size };
		return true;
	}
	return false;
}

static unsigned long
send_all(struct deliver_session *s, DIR *d, const struct envelope *env)
{
	struct mail two[2];
	unsigned long count = 0;
	bool more = next_mail(d, env, &two[0]);

	while (more) {
		struct mail *now = &two[count % 2];
		struct mail *next = &two[(count + 1) % 2];

		more = next_mail(d, env, next);
		if (session_begin(s, &now->m, &now->result) == 1)
			session_send(s, &now->m, &now->result,
			    more ? &next->m : NULL);
		close(now->m.fd);
		if (now->result.state != DELIVERY_SENT) {
			fprintf(stderr, "smtp_client: %s\n", now->result.text);
			exit(75);
		}
		count++;
	}
	return count;
}

int
main(int argc, char **argv)
{
	struct recipient to = { .address = "b@example.org" };
	struct envelope env = { .sender = "a@example.org",
		.recipients = &to,
		.n_recipients = 1 };
	struct deliver_conf conf = { .transport = 1 };
	struct deliver_session *s = NULL;
	struct deliver_setup *setup = NULL;
	struct deliver_routes *routes = NULL;
	struct po_err err;
	char hop[DELIVER_HOP_MAX];
	DIR *d;

	if (argc < 4 || (d = opendir(argv[3])) == NULL) {
		fprintf(stderr, "usage: smtp_client HOST PORT FOLDER [CA]\n");
		return 64;
	}
	conf.hostname = keep("bench.example.org");
	conf.relay = (struct relay_conf){ .host = argv[1], .window = 1 };
	conf.relay.port = strtol(argv[2], NULL, 10);
	conf.relay.tls = argc > 4 ? TLS_VERIFY : TLS_NONE;
	conf.relay.implicit_tls = argc > 4 ? TLS_IMPLICIT_YES : TLS_IMPLICIT_NO;
	conf.capture_dir = conf.relay.user = keep("");
	conf.relay.password_file = conf.relay.password_command = keep("");
	conf.relay.ca_file = argc > 4 ? argv[4] : conf.relay.user;
	if (deliver_routes_new(&conf, &routes, &err) == -1 ||
	    deliver_setup_new(routes, &setup, &err) == -1) {
		fprintf(stderr, "smtp_client: %s\n", err.text);
		return 78;
	}
	deliver_route(routes,
	    &(struct deliver_query){ .recipient = to.address }, hop);
	if (session_new(setup, hop, NULL, 30, &s, &err) == -1) {
		fprintf(stderr, "smtp_client: %s\n", err.text);
		return 78;
	}
	printf("messages %lu\n", send_all(s, d, &env));
	session_free(s);
	deliver_setup_free(setup);
	deliver_routes_free(routes);
	closedir(d);
	return 0;
}
