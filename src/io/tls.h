/*
 * TLS of the server side: certificate and key from files, OpenSSL over memory. The only door to
 * OpenSSL's SSL. TLS 1.2 and up, no renegotiation, session tickets, ALPN "http/1.1".
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "base/err.h"

struct tls_server; /* immutable, counted, shared by loops */

/* cert_file: PEM, the server's certificate and then its chain. key_file: PEM, not encrypted.
 * Errors name the file and OpenSSL's reason. */
MUST_USE enum err tls_server_new(const char *cert_file, const char *key_file,
                                 struct tls_server **ret, struct errinfo *ei);
struct tls_server *tls_server_ref(struct tls_server *t);
/* NULL is fine. */
void tls_server_unref(struct tls_server *t);

/* The session of one connection; used by stream.c only. Bytes from the socket go in by
 * tls_session_feed(), bytes for it come out of tls_session_pending(). */
struct tls_session;

/* The most plain bytes that one TLS record holds (RFC 8446 §5.1). */
#define TLS_RECORD_MAX 16384

struct tls_session *tls_session_new(struct tls_server *t);
void tls_session_free(struct tls_session *s);
/* Bytes from the socket: borrowed until tls_session_read() returned 0 or less, which must be
 * called until it does. */
void tls_session_feed(struct tls_session *s, const char *p, size_t n);
/* Run the handshake and decrypt: > 0 count, 0 none now, -1 end or failure (which: see
 * tls_session_closed()). There may be something to send after it in any case. */
long tls_session_read(struct tls_session *s, char *p, size_t n);
/* Encrypt at most a record; returns plain bytes taken, 0 while the handshake runs, -1 failure. */
long tls_session_write(struct tls_session *s, const char *p, size_t n);
/* Ciphertext waiting for the socket: borrow, then say how much was sent. */
void tls_session_pending(const struct tls_session *s, const char **ret, size_t *ret_n);
void tls_session_sent(struct tls_session *s, size_t n);
/* Append the close_notify alert to what is pending. */
void tls_session_shutdown(struct tls_session *s);
/* The handshake is over. */
bool tls_session_ready(const struct tls_session *s);
/* The peer said that it sends no more (close_notify). */
bool tls_session_closed(const struct tls_session *s);
/* Bytes held, without those inside OpenSSL. */
size_t tls_session_memory(const struct tls_session *s);

#endif
