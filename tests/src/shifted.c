/* The gateway's clocks, as the file that TIDEGATE_CLOCK names has them at any time: two numbers of seconds, how far the
   host's time of day is ahead of the gateway's, and how much more has gone by for the gateway than for the host. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

struct clocks {
    _Atomic int64_t behind;
    _Atomic int64_t gone_by;
};

static struct clocks *clocks;
static int (*real_clock)(clockid_t, struct timespec *);
static long (*real_syscall)(long, ...);

__attribute__((constructor)) static void begin(void) {
    real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    int file = open(getenv("TIDEGATE_CLOCK"), O_RDONLY | O_CLOEXEC);
    clocks = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *clocks, PROT_READ, MAP_SHARED, file, 0);
    if (clocks == MAP_FAILED) abort();
}

int clock_gettime(clockid_t id, struct timespec *at) {
    if (!real_clock || !clocks) return (int)real_syscall(SYS_clock_gettime, id, at);
    int done = real_clock(id, at);
    if (done != 0) return done;
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) at->tv_sec -= clocks->behind;
    if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_MONOTONIC_RAW) at->tv_sec += clocks->gone_by;
    return done;
}

/* Rust's standard library waits until a time of the monotonic clock, and asks for that by this way alone. What is
   asked for is what the gateway's clock will say, and the kernel has its own. */
long syscall(long number, ...) {
    va_list all;
    va_start(all, number);
    long a = va_arg(all, long), b = va_arg(all, long), c = va_arg(all, long);
    long d = va_arg(all, long), e = va_arg(all, long), f = va_arg(all, long);
    va_end(all);
    struct timespec until;
    if (number == SYS_futex && d && clocks && (b & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET) {
        int day = (b & FUTEX_CLOCK_REALTIME) != 0;
        until = *(struct timespec *)d;
        until.tv_sec += day ? clocks->behind : -clocks->gone_by;
        if (until.tv_sec < 0) until = (struct timespec){0, 0};
        d = (long)&until;
    }
    return real_syscall(number, a, b, c, d, e, f);
}
