#ifndef EMBED_GATEWAY_COPENSSL_SHIM_H
#define EMBED_GATEWAY_COPENSSL_SHIM_H

// The OpenSSL headers that the product uses. Macros that Swift cannot import get a static inline function here, with
// the reason beside it.
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Keys a MAC context. In C because the OSSL_PARAM array points at the digest's name and must not outlive it. C locals
// express that in two lines, Swift only with nested closures.
static inline int gateway_EVP_MAC_init_with_digest(EVP_MAC_CTX *ctx, const unsigned char *key, size_t keylen,
                                                   const char *digest) {
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
                           OSSL_PARAM_construct_end()};
    return EVP_MAC_init(ctx, key, keylen, params);
}

// A password callback without a password. Without a callback, OpenSSL asks on the terminal for the password of an
// encrypted PEM file, and a server would hang at start.
static inline int gateway_no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

// The functions below stand for function-like macros, which Swift cannot import.

static inline int gateway_SSL_CTX_set_min_proto_version(SSL_CTX *ctx, int version) {
    return (int)SSL_CTX_set_min_proto_version(ctx, version);
}

static inline int gateway_SSL_CTX_set1_groups_list(SSL_CTX *ctx, const char *list) {
    return (int)SSL_CTX_set1_groups_list(ctx, list);
}

static inline void gateway_SSL_CTX_set_mode(SSL_CTX *ctx, long mode) { SSL_CTX_set_mode(ctx, mode); }

static inline void gateway_SSL_CTX_set_session_cache_mode(SSL_CTX *ctx, long mode) {
    SSL_CTX_set_session_cache_mode(ctx, mode);
}

static inline void gateway_SSL_CTX_set_max_cert_list(SSL_CTX *ctx, long size) { SSL_CTX_set_max_cert_list(ctx, size); }

static inline int gateway_SSL_CTX_add1_chain_cert(SSL_CTX *ctx, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(ctx, certificate);
}

static inline void gateway_SSL_CTX_set_servername_callback(SSL_CTX *ctx, int (*callback)(SSL *, int *, void *)) {
    SSL_CTX_set_tlsext_servername_callback(ctx, callback);
}

static inline int gateway_SSL_set_host_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline void gateway_SSL_CTX_set_status_callback(SSL_CTX *ctx, int (*callback)(SSL *, void *)) {
    SSL_CTX_set_tlsext_status_cb(ctx, callback);
}

// Sends a copy of an OCSP response with the certificate. In C because OpenSSL frees the copy, and its allocator's functions
// are macros too.
static inline int gateway_SSL_staple(SSL *ssl, const unsigned char *bytes, size_t count) {
    void *copy = OPENSSL_memdup(bytes, count);
    return copy != NULL && SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)count) == 1;
}

// The 64-bit options are macros that use a macro with an argument, none of which Swift imports.
static inline void gateway_SSL_CTX_set_options(SSL_CTX *ctx) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
}

#endif
