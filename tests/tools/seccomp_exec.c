/* SPDX-License-Identifier: ISC */
/*
 * seccomp_exec [-o] PROGRAM [ARGUMENT...]: run it with no other system calls
 * than these; any other kills. They are part of systemd's @system-service,
 * which is what services are confined to (SystemCallFilter= of
 * systemd.exec(5)), without making files of others or other identities, without
 * listening.
 *
 * -o: as on an old kernel instead: all are there but for seccomp(2) and
 * landlock(7), which are "not implemented".
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int allowed[] = {
	/* the program is loaded, and ends */
	SYS_execve,
	SYS_brk,
	SYS_mmap,
	SYS_munmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_madvise,
	SYS_prlimit64,
	SYS_set_tid_address,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_futex,
	SYS_exit,
	SYS_exit_group,
	SYS_getrandom,
	SYS_sched_getaffinity,
	SYS_sched_yield,
#ifdef SYS_arch_prctl
	SYS_arch_prctl,
#endif
#ifdef SYS_access
	SYS_access,
	SYS_open,
	SYS_stat,
	SYS_lstat,
	SYS_poll,
	SYS_readlink,
	SYS_pipe,
	SYS_dup2,
	SYS_fork,
	SYS_vfork,
#endif
	/* files */
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_openat,
	SYS_close,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_fcntl,
	SYS_lseek,
	SYS_ftruncate,
	SYS_fallocate,
	SYS_linkat,
	SYS_unlinkat,
	SYS_renameat2,
	SYS_fchmod,
	SYS_fsync,
	SYS_fdatasync,
	SYS_statfs,
	SYS_fstatfs,
	SYS_readlinkat,
	SYS_getcwd,
	SYS_getdents64,
	SYS_umask,
	SYS_ioctl,
	SYS_memfd_create,
	SYS_ppoll,
	SYS_pipe2,
	SYS_dup,
	SYS_dup3,
	SYS_close_range,
	/* processes, clocks, who am I */
	SYS_clone,
	SYS_wait4,
	SYS_waitid,
	SYS_kill,
	SYS_tgkill,
	SYS_setpgid,
	SYS_pidfd_open,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_gettimeofday,
	SYS_getpid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_uname,
	/* syslog, and who is at the other end of -bs */
	SYS_socket,
	SYS_connect,
	SYS_sendto,
	SYS_sendmsg,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_shutdown,
	SYS_getsockname,
	SYS_getpeername,
	SYS_getsockopt,
	SYS_setsockopt,
};

#define N (sizeof(allowed) / sizeof(allowed[0]))

#define DENY                                                                   \
	BPF_STMT(BPF_RET | BPF_K,                                              \
	    SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA))

static const struct sock_filter old_kernel[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_landlock_create_ruleset, 0, 1),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_landlock_restrict_self, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	DENY,
};

int
main(int argc, char *argv[])
{
	struct sock_filter code[2 * N + 2];
	struct sock_fprog filter = { 2 * N + 2, code };
	bool old = argc > 1 && strcmp(argv[1], "-o") == 0;
	size_t i;

	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, nr));
	for (i = 0; i < N; i++) {
		code[1 + 2 * i] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
		        (unsigned)allowed[i], 0, 1);
		code[2 + 2 * i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
		    SECCOMP_RET_ALLOW);
	}
	code[2 * N + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_KILL_PROCESS);
	if (old) {
		memcpy(code, old_kernel, sizeof(old_kernel));
		filter.len = sizeof(old_kernel) / sizeof(old_kernel[0]);
		argv++;
		argc--;
	}
	if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == -1) {
		perror("seccomp_exec");
		return 99;
	}
	(void)execv(argv[1], argv + 1);
	perror(argv[1]);
	return 99;
}
