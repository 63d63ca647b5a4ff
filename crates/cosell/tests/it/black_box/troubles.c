// Troubles that a machine has and that no right is needed to make: a process that is started with this library before
// all others (LD_PRELOAD) sees another time, and a disk that is full.
//
// COSELL_TROUBLES names a file of two 64-bit numbers in the machine's own order, which is looked at with every call:
// how many milliseconds the wall clock is ahead, and whether the disk is full. The monotonic clock stays as it is, as it
// does when a real clock is set. On a full disk files keep the room they have: what would make one longer fails. What
// a process says on its standard streams goes to another disk.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *troubles;

__attribute__((constructor)) static void look(void) {
    const char *path = getenv("COSELL_TROUBLES");
    if (!path) return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *seen = mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
    if (seen != MAP_FAILED) troubles = seen;
    close(file);
}

// ── The clock ──────────────────────────────────────────────────────────────────────────────────────────────────────

int clock_gettime(clockid_t clock, struct timespec *at) {
    int failed = (int)syscall(SYS_clock_gettime, clock, at);
    if (!failed && troubles && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t nanoseconds = at->tv_nsec + troubles[0] % 1000 * 1000000;
        at->tv_sec += troubles[0] / 1000;
        if (nanoseconds < 0) at->tv_sec--, nanoseconds += 1000000000;
        if (nanoseconds >= 1000000000) at->tv_sec++, nanoseconds -= 1000000000;
        at->tv_nsec = nanoseconds;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

// ── The disk ───────────────────────────────────────────────────────────────────────────────────────────────────────

static int no_room(int file, off_t end) {
    struct stat seen;
    if (file <= STDERR_FILENO || !troubles || !troubles[1] || fstat(file, &seen) || !S_ISREG(seen.st_mode) || end <= seen.st_size) return 0;
    errno = ENOSPC;
    return 1;
}

static off_t here(int file) {
    if (!troubles || !troubles[1]) return 0;
    int flags = fcntl(file, F_GETFL);
    if (flags >= 0 && flags & O_APPEND) return lseek(file, 0, SEEK_END);
    return lseek(file, 0, SEEK_CUR);
}

static off_t all(const struct iovec *pieces, int count) {
    off_t sum = 0;
    for (int at = 0; at < count; at++) sum += (off_t)pieces[at].iov_len;
    return sum;
}

ssize_t write(int file, const void *bytes, size_t count) {
    if (no_room(file, here(file) + (off_t)count)) return -1;
    return syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    if (no_room(file, at + (off_t)count)) return -1;
    return syscall(SYS_pwrite64, file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t at) { return pwrite(file, bytes, count, at); }

ssize_t writev(int file, const struct iovec *pieces, int count) {
    if (no_room(file, here(file) + all(pieces, count))) return -1;
    return syscall(SYS_writev, file, pieces, count);
}

ssize_t pwritev(int file, const struct iovec *pieces, int count, off_t at) {
    if (no_room(file, at + all(pieces, count))) return -1;
    return syscall(SYS_pwritev, file, pieces, count, at, 0);
}

ssize_t pwritev64(int file, const struct iovec *pieces, int count, off_t at) { return pwritev(file, pieces, count, at); }

int posix_fallocate(int file, off_t at, off_t length) {
    if (no_room(file, at + length)) return ENOSPC;
    return syscall(SYS_fallocate, file, 0, at, length) ? errno : 0;
}

int posix_fallocate64(int file, off_t at, off_t length) { return posix_fallocate(file, at, length); }
