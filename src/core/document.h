/*
 * Documents out of the journal. Pure.
 */
#ifndef CORE_DOCUMENT_H
#define CORE_DOCUMENT_H

#include "store/store_journal.h"

/* The document that a load without error gave the parts of: a reference for the caller. The parts
 * stay. E_STORE_CORRUPT where they do not fit. */
MUST_USE enum err document_assemble(const struct store_load *load, struct blob **ret,
                                    struct errinfo *ei);

#endif
