#pragma once

#if defined(__linux__)
#include <features.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__GLIBC__)
#include <malloc.h>
#endif

// Swift's Glibc module leaves malloc.h out; other systems have no such call, nor a need for it.
static inline void gateway_malloc_trim(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

// How many processors this process may run on; 0 where the system does not say. The C library declares its call for it
// only for GNU's own dialect, and its macro that counts is none for Swift.
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
