#ifndef EMBED_GATEWAY_CLIBFUZZER_SHIM_H
#define EMBED_GATEWAY_CLIBFUZZER_SHIM_H

#include <stddef.h>
#include <stdint.h>

// libFuzzer's entry point for programs with a main function of their own. It has no header
// (https://llvm.org/docs/LibFuzzer.html#using-libfuzzer-as-a-library).
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *bytes, size_t count));

#endif
