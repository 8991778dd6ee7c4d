/* SPDX-License-Identifier: ISC */
/*
 * What a client can reach at most: the files of a folder (CRLF lines, no dots
 * at their beginning) over some connections into one server on loopback that
 * offers PIPELINING, the next message's MAIL, RCPT and DATA behind each last
 * dot. It remembers nothing, checks only that replies come, and has no queue.
 *
 *     ceiling PORT CONNECTIONS FOLDER      prints "messages N"
 */
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_FILES 1000000
#define LARGEST 65536

static const char group[] = "MAIL FROM:<bench@example.org> SIZE=1024\r\n"
                            "RCPT TO:<sink@example.net>\r\nDATA\r\n";

static char *files[MOST_FILES];
static size_t n_files;
static atomic_size_t next_file, sent;
static struct sockaddr_in server;
static int folder;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/* Read until so many replies have come; one line each, but for EHLO's. */
static void
replies(int fd, int count)
{
	char in[4096];
	size_t len = 0, at = 0;
	ssize_t n;

	while (count > 0) {
		char *lf = memchr(in + at, '\n', len - at);

		if (lf != NULL) {
			if (in[at] >= '4')
				die("refused");
			count -= in[at + 3] == ' ';
			at = (size_t)(lf - in) + 1;
			continue;
		}
		memmove(in, in + at, len - at);
		len -= at;
		at = 0;
		n = recv(fd, in + len, sizeof(in) - len, 0);
		if (n <= 0)
			die("recv");
		len += (size_t)n;
	}
}

static void
say(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			die("send");
		p += n;
		len -= (size_t)n;
	}
}

static void *
client(void *arg)
{
	char *out = malloc(LARGEST + sizeof(group) + 16);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, file;
	size_t i = atomic_fetch_add(&next_file, 1);
	ssize_t n;

	(void)arg;
	if (out == NULL ||
	    connect(fd, (struct sockaddr *)&server, sizeof(server)) == -1)
		die("connect");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	replies(fd, 1);
	say(fd, "EHLO ceiling.example\r\n", 22);
	replies(fd, 1);
	if (i < n_files) {
		say(fd, group, sizeof(group) - 1);
		replies(fd, 3);
	}
	while (i < n_files) {
		file = openat(folder, files[i], O_RDONLY);
		n = file == -1 ? -1 : read(file, out, LARGEST);
		if (n <= 0)
			die(files[i]);
		(void)close(file);
		i = atomic_fetch_add(&next_file, 1);
		memcpy(out + n, ".\r\n", 3);
		memcpy(out + n + 3, group, sizeof(group) - 1);
		say(fd, out,
		    (size_t)n + 3 + (i < n_files ? sizeof(group) - 1 : 0));
		replies(fd, i < n_files ? 4 : 1);
		atomic_fetch_add(&sent, 1);
	}
	say(fd, "QUIT\r\n", 6);
	(void)close(fd);
	free(out);
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t threads[64];
	struct dirent *e;
	DIR *d;
	long i, n;

	if (argc != 4 || (n = strtol(argv[2], NULL, 10)) < 1 || n > 64 ||
	    (d = opendir(argv[3])) == NULL) {
		fprintf(stderr, "usage: ceiling PORT CONNECTIONS FOLDER\n");
		return 64;
	}
	folder = dirfd(d);
	while ((e = readdir(d)) != NULL && n_files < MOST_FILES)
		if (e->d_name[0] != '.' &&
		    (files[n_files++] = strdup(e->d_name)) == NULL)
			die("memory");
	server = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((unsigned short)strtol(argv[1], NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	for (i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, client, NULL) != 0)
			die("thread");
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("messages %zu\n", atomic_load(&sent));
	closedir(d);
	return 0;
}
