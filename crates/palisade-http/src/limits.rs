//! What one transmitter, or a stranger, can take of the server.

use std::time::Duration;

/// Connections at the same time; others wait to be accepted.
// LIMIT: transmitters are few and keep their connections; each has some 100 KB at most.
pub(crate) const CONNECTIONS_MAX: usize = 64;

/// Events that are verified and stored at the same time; others wait.
// LIMIT: each takes a thread, a signature and a sync of the disk; decisions need the processors.
pub(crate) const RECEIVES_MAX: usize = 4;

/// Requests of one connection; it is closed after that many.
// LIMIT: so that whoever is connected makes room for others now and then.
pub(crate) const REQUESTS_PER_CONNECTION_MAX: usize = 100;

/// Bytes of a request's line and headers.
// LIMIT: a bearer token of some kilobytes, and the least that hyper takes as a buffer.
pub(crate) const HEADERS_BYTES_MAX: usize = 8 * 1024;

/// Headers of a request.
pub(crate) const HEADERS_MAX: usize = 64;

/// Bytes of a security event token.
// LIMIT: tokens have some hundred bytes to a few kilobytes; a subject may carry lists.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long it may take to agree on TLS.
pub(crate) const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How long the headers of a request may take, from the end of the one before.
pub(crate) const HEADERS_MAX_TIME: Duration = Duration::from_secs(10);

/// How long its body may take.
pub(crate) const BODY_MAX_TIME: Duration = Duration::from_secs(10);

/// How long the answer may take: to wait for other events, to verify and to store this one.
// LIMIT: longer than any disk that works; a transmitter gives up about then.
pub(crate) const ANSWER_MAX_TIME: Duration = Duration::from_secs(30);

/// How long a connection takes further requests.
pub(crate) const CONNECTION_MAX_TIME: Duration = Duration::from_secs(300);

/// How long a connection has to end what it has begun, at its own end or the server's.
// LIMIT: headers or a body in time fit in, and a usual answer; what is slower is cut.
pub(crate) const DRAIN_MAX_TIME: Duration = Duration::from_secs(15);

/// How long, and how many bytes of it, a transmitter is listened to after the last answer. If
/// bytes were left unread the answer would be taken back by a reset of the connection.
pub(crate) const LINGER_MAX_TIME: Duration = Duration::from_secs(2);
/// See [`LINGER_MAX_TIME`].
pub(crate) const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// How long to wait before accepting again after that failed: there may be no file descriptors.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Bytes of the text that says why an event was refused.
// LIMIT: a few sentences.
pub(crate) const DESCRIPTION_BYTES_MAX: usize = 512;

/// Bytes of a file with certificates or a key.
// LIMIT: some hundred certificates of authorities.
pub(crate) const TLS_FILE_BYTES_MAX: u64 = 1024 * 1024;
