/* SPDX-License-Identifier: ISC */
/*
 * Names are resolved and connections made again and again while a worker
 * lives, so socket(2), connect(2) and what the C library's resolver opens stay;
 * a thread is what getaddrinfo_a(3) makes. clone3(2) has its flags in memory,
 * where no filter sees them: "not implemented" makes the C library take clone.
 *
 * The program goes through the numbers one after the other. The kernel runs it
 * once for each number whose answer does not depend on arguments, and keeps
 * that answer (Linux 5.11), so that their order is of no matter.
 */
#include "queue/sandbox_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(__LP64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#ifndef ARCH

const char *
calls_why_not(void)
{
	return "no filter of system calls is known for this processor";
}

int
calls_restrict(unsigned more, struct po_err *err)
{
	(void)more;
	return po_fail(err, PO_EOS, "sandbox: %s", calls_why_not());
}

int
calls_restrict_commands(struct po_err *err)
{
	return calls_restrict(0, err);
}

#else

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* -------------------------------------------------------- by number alone */

/* For everybody. A few are not on every processor. */
static const uint16_t always[] = {
	/* descriptors */
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_lseek,
	SYS_close,
	SYS_close_range,
	SYS_dup,
	SYS_ppoll,
	SYS_pselect6,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_eventfd2,
	SYS_pipe2,
#ifdef SYS_poll
	SYS_poll,
	SYS_select,
	SYS_epoll_wait,
#endif
	/* files: which ones is landlock's matter */
	SYS_openat,
	SYS_openat2,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_fstatfs,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_readlinkat,
	SYS_getdents64,
	SYS_getcwd,
	SYS_fsync,
	SYS_fdatasync,
	SYS_ftruncate,
	SYS_fadvise64,
	SYS_memfd_create,
#ifdef SYS_open
	SYS_open,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
#endif
	/* sockets that are there, and of this host */
	SYS_bind,
	SYS_connect,
	SYS_getsockname,
	SYS_getpeername,
	SYS_getsockopt,
	SYS_setsockopt,
	SYS_shutdown,
	SYS_sendto,
	SYS_sendmsg,
	SYS_sendmmsg,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_recvmmsg,
	/* memory, signals of its own */
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_futex,
	SYS_set_robust_list,
	SYS_set_tid_address,
	SYS_rseq,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_gettid,
	SYS_membarrier,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_rt_sigtimedwait,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_exit,
	SYS_exit_group,
	/* who and when */
	SYS_getpid,
	SYS_getppid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_uname,
	SYS_sysinfo,
	SYS_getrandom,
	SYS_getrusage,
	SYS_times,
	SYS_gettimeofday,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_clock_nanosleep,
	SYS_nanosleep,
#ifdef SYS_time
	SYS_time,
#endif
};

static const uint16_t files[] = {
	SYS_mkdirat,
	SYS_linkat,
	SYS_unlinkat,
	SYS_renameat2,
	SYS_fchmod,
	SYS_fallocate,
	SYS_flock,
	SYS_utimensat,
	SYS_syncfs,
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_mkdir
	SYS_mkdir,
	SYS_link,
	SYS_unlink,
	SYS_rename,
#endif
};

/* What not even a program keeps that mail is handed to: other processes of its
 * uid, files by handle, keys of the session, and what most holes in kernels
 * were reached by. */
static const uint16_t never[] = {
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_process_madvise,
	SYS_pidfd_getfd,
	SYS_kcmp,
	SYS_open_by_handle_at,
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
};

/* ----------------------------------------------------------- by arguments */

#define DENY(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* The lower half: no flag lies above it, and the kernel looks at no more of an
 * int. */
#define ARGUMENT(n)                                                            \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                     \
	    (uint32_t)offsetof(struct seccomp_data, args[n]))
/* So many instructions further, if it is so, and if not. */
#define HAS_BIT(bits, yes, no)                                                 \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), yes, no)
#define IS(value, yes, no)                                                     \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), yes, no)

/* A shared library is mapped from its file; nothing else becomes code. */
static const struct sock_filter on_mmap[] = {
	ARGUMENT(2),
	HAS_BIT(PROT_EXEC, 1, 0),
	ALLOW,
	HAS_BIT(PROT_WRITE, 2, 0),
	ARGUMENT(3),
	HAS_BIT(MAP_ANONYMOUS, 0, 1),
	DENY(EPERM),
	ALLOW,
};

static const struct sock_filter on_mprotect[] = {
	ARGUMENT(2),
	HAS_BIT(PROT_EXEC, 0, 1),
	DENY(EPERM),
	ALLOW,
};

static const struct sock_filter on_clone[] = {
	ARGUMENT(0),
	HAS_BIT(CLONE_THREAD, 0, 1),
	ALLOW,
	DENY(EPERM),
};

static const struct sock_filter on_clone3[] = { DENY(ENOSYS) };

/* Netlink is how the C library learns which addresses there are. */
static const struct sock_filter on_socket[] = {
	ARGUMENT(0),
	IS(AF_UNIX, 4, 0),
	IS(AF_INET, 3, 0),
	IS(AF_INET6, 2, 0),
	IS(AF_NETLINK, 1, 0),
	DENY(EPERM),
	ALLOW,
};

static const struct sock_filter on_socket_here[] = {
	ARGUMENT(0),
	IS(AF_UNIX, 1, 0),
	DENY(EPERM),
	ALLOW,
};

/* The signals of a descriptor go to whom its owner names. */
static const struct sock_filter on_fcntl[] = {
	ARGUMENT(1),
	IS(F_SETOWN, 3, 0),
	IS(F_SETOWN_EX, 2, 0),
	IS(F_SETLEASE, 1, 0),
	ALLOW,
	DENY(EPERM),
};

static const struct sock_filter on_ioctl[] = {
	ARGUMENT(1),
	IS(FIOSETOWN, 3, 0),
	IS(SIOCSPGRP, 2, 0),
	IS(TIOCSTI, 1, 0),
	ALLOW,
	DENY(EPERM),
};

static const struct {
	unsigned when;    /* all of these bits of enum calls, or 0 */
	unsigned without; /* none of these */
	uint16_t number;
	uint16_t n;
	const struct sock_filter *test; /* ends with an answer */
} judged[] = {
#define ROW(when, without, number, test)                                       \
	{                                                                      \
		when, without, number, (uint16_t)N(test), test                 \
	}
	ROW(0, 0, SYS_mmap, on_mmap),
	ROW(0, 0, SYS_mprotect, on_mprotect),
	ROW(0, 0, SYS_fcntl, on_fcntl),
	ROW(0, 0, SYS_ioctl, on_ioctl),
	ROW(0, 0, SYS_clone3, on_clone3),
	ROW(CALLS_NETWORK, 0, SYS_clone, on_clone),
	ROW(CALLS_NETWORK, 0, SYS_socket, on_socket),
	ROW(0, CALLS_NETWORK, SYS_socket, on_socket_here),
#undef ROW
};

/* ---------------------------------------------------------------- program */

#define PROGRAM_MAX (8 + 2 * (N(always) + N(files)) + 12 * (N(judged) + 1))

struct program {
	struct sock_filter code[PROGRAM_MAX];
	size_t n;
};

static void
put(struct program *p, const struct sock_filter *code, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p->code[p->n++] = code[i];
}

static void
load(struct program *p, size_t offset)
{
	p->code[p->n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)offset);
}

/* What follows, so many instructions, is for this number only. */
static void
put_case(struct program *p, uint16_t number, size_t n)
{
	p->code[p->n++] = (struct sock_filter)IS(number, 0, (uint8_t)n);
}

static const struct sock_filter allow[] = { ALLOW };
static const struct sock_filter deny[] = { DENY(EPERM) };

/* One answer for each of them. */
static void
put_answered(struct program *p, const uint16_t *calls, size_t n,
    const struct sock_filter *answer)
{
	size_t i;

	for (i = 0; i < n; i++) {
		put_case(p, calls[i], 1);
		put(p, answer, 1);
	}
}

/* Numbers mean something else on another processor: none of them is taken. */
static void
begin(struct program *p)
{
	p->n = 0;
	load(p, offsetof(struct seccomp_data, arch));
	p->code[p->n++] = (struct sock_filter)IS(ARCH, 1, 0);
	put(p, deny, 1);
	load(p, offsetof(struct seccomp_data, nr));
}

/* abort(3) and raise(3) send signals to a thread of this process. */
static void
put_tgkill(struct program *p)
{
	const struct sock_filter test[] = {
		ARGUMENT(0),
		IS(getpid(), 0, 1),
		ALLOW,
		DENY(EPERM),
	};

	put_case(p, SYS_tgkill, N(test));
	put(p, test, N(test));
}

static void
make_program(struct program *p, unsigned more)
{
	size_t i;

	begin(p);
	put_answered(p, always, N(always), allow);
	if ((more & CALLS_FILES) != 0)
		put_answered(p, files, N(files), allow);
	for (i = 0; i < N(judged); i++)
		if ((more & judged[i].when) == judged[i].when &&
		    (more & judged[i].without) == 0) {
			put_case(p, judged[i].number, judged[i].n);
			put(p, judged[i].test, judged[i].n);
		}
	put_tgkill(p);
	put(p, deny, 1);
}

const char *
calls_why_not(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &action) == 0
	           ? NULL
	           : "this kernel filters no system calls (seccomp)";
}

static int
install(struct program *p, struct po_err *err)
{
	struct sock_fprog prog = { .len = (unsigned short)p->n,
		.filter = p->code };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &prog) == -1)
		return po_fail_sys(err, PO_EOS, "sandbox: seccomp");
	return 0;
}

int
calls_restrict(unsigned more, struct po_err *err)
{
	struct program p;

	make_program(&p, more);
	return install(&p, err);
}

/* x32's numbers are those of x86-64 with a bit more: none of them either. */
int
calls_restrict_commands(struct po_err *err)
{
	struct program p;

	begin(&p);
#ifdef __X32_SYSCALL_BIT
	p.code[p.n++] = (struct sock_filter)HAS_BIT(__X32_SYSCALL_BIT, 0, 1);
	put(&p, deny, 1);
#endif
	put_answered(&p, never, N(never), deny);
	put(&p, allow, 1);
	return install(&p, err);
}

#endif
