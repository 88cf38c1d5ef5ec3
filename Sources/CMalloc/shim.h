#pragma once

#if defined(__linux__)
#include <features.h>
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
