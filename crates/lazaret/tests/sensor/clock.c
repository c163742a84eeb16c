/* For a test: a process whose system clock can be set without setting the machine's. SIGUSR1 sets it an hour forward, SIGUSR2 an
 * hour back. Preloaded; times of the kernel stay what they are. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t hours;

static void set(int signal) {
    hours += signal == SIGUSR1 ? 1 : -1;
}

__attribute__((constructor)) static void begin(void) {
    struct sigaction action = {.sa_handler = set, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
}

int clock_gettime(clockid_t clock, struct timespec *to) {
    int result = (int)syscall(SYS_clock_gettime, clock, to);
    if (result == 0 && clock == CLOCK_REALTIME)
        to->tv_sec += 3600 * (time_t)hours;
    return result;
}
