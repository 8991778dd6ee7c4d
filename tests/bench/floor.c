/* SPDX-License-Identifier: ISC */
/*
 * The floor under sendmail's speed: the least that a program can do to take a
 * message durably. It copies stdin into a file without a name, names it, syncs
 * it, exits. It is linked statically, and its buffer is not on the stack, where
 * -fstack-clash-protection touches every page of it.
 *
 *     floor FOLDER < message
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	static char block[65536];
	char name[64], self[64];
	unsigned long long number[2];
	int dir = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)
	                    : -1,
	    fd;
	ssize_t n;

	if (dir == -1 || (fd = openat(dir, ".",
	                      O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)) == -1) {
		perror("floor");
		return 1;
	}
	while ((n = read(STDIN_FILENO, block, sizeof(block))) > 0)
		if (write(fd, block, (size_t)n) != n)
			return 1;
	if (getrandom(number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return 1;
	snprintf(name, sizeof(name), "n.%016llx%016llx", number[0], number[1]);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW) == -1 ||
	    fsync(fd) == -1) {
		perror("floor");
		return 1;
	}
	return 0;
}
