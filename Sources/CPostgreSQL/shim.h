#ifndef EMBED_GATEWAY_CPOSTGRESQL_SHIM_H
#define EMBED_GATEWAY_CPOSTGRESQL_SHIM_H

#include <libpq-fe.h>

// Swift does not import macros that are characters.
static const int gateway_field_severity = PG_DIAG_SEVERITY_NONLOCALIZED;
static const int gateway_field_sqlstate = PG_DIAG_SQLSTATE;
static const int gateway_field_message = PG_DIAG_MESSAGE_PRIMARY;
static const int gateway_field_constraint = PG_DIAG_CONSTRAINT_NAME;
static const int gateway_field_function = PG_DIAG_SOURCE_FUNCTION;

#endif
