#ifndef EMBED_GATEWAY_CNGHTTP2_SHIM_H
#define EMBED_GATEWAY_CNGHTTP2_SHIM_H

#include <nghttp2/nghttp2.h>

#endif
