/* SPDX-License-Identifier: ISC */
/*
 * The yardstick of the delivery benchmark: the same files over one connection
 * with plain libetpan calls, as its manual shows them: MAIL, RCPT, DATA and the
 * content, each waiting for its reply.
 *
 *     etpan_plain HOST PORT FOLDER    every file of FOLDER is one message;
 * prints "messages N"
 */
#include <dirent.h>
#include <fcntl.h>
#include <libetpan/libetpan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *
read_file(int dir, const char *name, size_t *len)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char *text = NULL;
	ssize_t n;

	if (fd != -1 && fstat(fd, &st) == 0 &&
	    (text = malloc((size_t)st.st_size + 1)) != NULL) {
		n = read(fd, text, (size_t)st.st_size);
		*len = n == -1 ? 0 : (size_t)n;
	}
	if (fd != -1)
		close(fd);
	return text;
}

static int
send_one(mailsmtp *smtp, const char *text, size_t len)
{
	int r;

	if ((r = mailesmtp_mail(smtp, "bench@example.org", 1, NULL)) !=
	        MAILSMTP_NO_ERROR ||
	    (r = mailesmtp_rcpt(smtp, "sink@example.net", 0, NULL)) !=
	        MAILSMTP_NO_ERROR ||
	    (r = mailsmtp_data(smtp)) != MAILSMTP_NO_ERROR ||
	    (r = mailsmtp_data_message(smtp, text, len)) != MAILSMTP_NO_ERROR)
		fprintf(stderr, "etpan_plain: %s\n", mailsmtp_strerror(r));
	return r == MAILSMTP_NO_ERROR ? 0 : -1;
}

int
main(int argc, char **argv)
{
	mailsmtp *smtp = mailsmtp_new(0, NULL);
	DIR *dir = argc == 4 ? opendir(argv[3]) : NULL;
	struct dirent *entry;
	unsigned long count = 0;
	size_t len = 0;
	char *text;

	if (dir == NULL || smtp == NULL) {
		fprintf(stderr, "usage: etpan_plain HOST PORT FOLDER\n");
		return 64;
	}
	if (mailsmtp_socket_connect(smtp, argv[1],
	        (uint16_t)strtoul(argv[2], NULL, 10)) != MAILSMTP_NO_ERROR ||
	    mailesmtp_ehlo(smtp) != MAILSMTP_NO_ERROR) {
		fprintf(stderr, "etpan_plain: cannot connect\n");
		return 1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		text = read_file(dirfd(dir), entry->d_name, &len);
		if (text == NULL || send_one(smtp, text, len) == -1)
			return 1;
		free(text);
		count++;
	}
	mailsmtp_quit(smtp);
	mailsmtp_free(smtp);
	closedir(dir);
	printf("messages %lu\n", count);
	return 0;
}
