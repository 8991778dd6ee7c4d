/* SPDX-License-Identifier: ISC */
/*
 * Runs a program many times with a file as its stdin, a few at once, and prints
 * what that cost.
 *
 *     spawn COUNT AT_ONCE FILE PROGRAM [ARGUMENT...]    prints "seconds S cpu
 * S"
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static void
reap(void)
{
	int status;

	if (wait(&status) == -1 || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 0) {
		fprintf(stderr, "spawn: the program failed (status %d)\n",
		    status);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	unsigned long i, count, at_once, running = 0;
	struct rusage used;
	double begin;
	pid_t pid;

	if (argc < 5) {
		fprintf(stderr,
		    "usage: spawn COUNT AT_ONCE FILE PROGRAM [ARGUMENT...]\n");
		return 64;
	}
	count = strtoul(argv[1], NULL, 10);
	at_once = strtoul(argv[2], NULL, 10);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, argv[3],
	    O_RDONLY, 0);
	begin = now();
	for (i = 0; i < count; i++) {
		if (running == at_once) {
			reap();
			running--;
		}
		if (posix_spawn(&pid, argv[4], &actions, NULL, argv + 4,
		        environ) != 0) {
			perror("spawn");
			return 1;
		}
		running++;
	}
	while (running-- > 0)
		reap();
	getrusage(RUSAGE_CHILDREN, &used);
	printf("seconds %.3f cpu %.3f\n", now() - begin,
	    seconds(used.ru_utime) + seconds(used.ru_stime));
	return 0;
}
