#pragma once

#if defined(__linux__)
#include <features.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__GLIBC__)
#include <malloc.h>
#endif

// Swift's Glibc module omits malloc.h. Other systems have no such call and do not need it.
static inline void gateway_malloc_trim(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

// The number of processors that this process may run on; 0 if the system does not tell. The C library declares its call
// only for its GNU dialect, and Swift cannot import the macro that counts.
static inline int gateway_affinity(void) {
#if defined(__linux__)
    unsigned long mask[128];
    long size = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (long index = 0; index < size / (long)sizeof mask[0]; index++) count += __builtin_popcountl(mask[index]);
    return count;
#else
    return 0;
#endif
}
