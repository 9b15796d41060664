//! Every bound of the service, by name, with the reason for its size.

use std::time::Duration;

/// Links in an actor chain.
// LIMIT: user, gateway agent and six delegations; real chains seen are 2 to 4 long. Longer ones
// are rejected, never truncated, because a dropped link is a dropped restriction.
pub const CHAIN_LINKS_MAX: usize = 8;

/// Bytes of one issuer name.
pub const ISSUER_BYTES_MAX: usize = 512;

/// Bytes of one subject.
pub const SUBJECT_BYTES_MAX: usize = 256;

/// Bytes of the name of a session at an issuer.
// LIMIT: as that of a subject; issuers write UUIDs and digests.
pub const SIGN_IN_SESSION_BYTES_MAX: usize = 256;

/// Bytes of the text that says why something was revoked.
// LIMIT: a few sentences; it is kept with each revocation.
pub const REVOCATION_CAUSE_BYTES_MAX: usize = 512;

/// Revocations that are kept at the same time, one for each actor, session or issuer.
// LIMIT: all the sessions of a large organisation end within the life of a token; some 70 MB on a
// disk, read in less than a second.
pub const REVOCATIONS_MAX: usize = 100_000;

/// Bytes of a tool name, service included.
pub const TOOL_NAME_BYTES_MAX: usize = 256;

/// Bytes of a tool call's arguments.
// LIMIT: the largest real tool arguments carry a file; whatever is larger belongs behind a
// reference, and a decision must not cost more than milliseconds.
pub const ARGUMENTS_BYTES_MAX: usize = 1024 * 1024;

/// Nesting depth of a tool call's arguments; the outermost object is depth 1.
// LIMIT: deep enough for any hand-written schema, shallow enough for recursion on a 2 MiB stack.
pub const ARGUMENTS_DEPTH_MAX: usize = 64;

/// Largest magnitude of an integer argument: 2⁵³ − 1 (RFC 7493, section 2.2).
pub const ARGUMENT_INTEGER_MAX: i64 = 9_007_199_254_740_991;

/// Significant digits of a number argument.
// LIMIT: 17 digits name any IEEE 754 double (RFC 7493); more would be lost on the way.
pub const ARGUMENT_DIGITS_MAX: usize = 17;

/// Bytes of a retry key.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Bytes of the enforcement point's own request id.
pub const PEP_REQUEST_ID_BYTES_MAX: usize = 128;

/// Bytes of a token of a chain, or of a step-up.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Bytes of one proof of possession.
pub const POSSESSION_PROOF_BYTES_MAX: usize = 8 * 1024;

/// Bytes of the method of an HTTP request that a token came with.
pub const HTTP_METHOD_BYTES_MAX: usize = 16;

/// Bytes of the URI of an HTTP request that a token came with.
pub const HTTP_URI_BYTES_MAX: usize = 2048;

/// Certificates of one link, in number and in bytes together.
// LIMIT: a leaf and two or three intermediates of some kilobytes.
pub const CERTIFICATES_MAX: usize = 8;

/// See [`CERTIFICATES_MAX`].
pub const CERTIFICATES_BYTES_MAX: usize = 32 * 1024;

/// Bytes of the leaf certificate that a token is bound to.
pub const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// Pieces of attestation evidence of one call.
pub const EVIDENCE_PIECES_MAX: usize = 4;

/// Bytes of one piece of attestation evidence.
pub const EVIDENCE_BYTES_MAX: usize = 64 * 1024;

/// Bytes of the media type of a piece of evidence.
pub const MEDIA_TYPE_BYTES_MAX: usize = 128;

/// Bytes of a resource's entity type.
pub const RESOURCE_TYPE_BYTES_MAX: usize = 256;

/// Bytes of a resource's entity id.
pub const RESOURCE_ID_BYTES_MAX: usize = 1024;

/// Bytes of the class of error in a report of a call's outcome.
pub const OUTCOME_ERROR_BYTES_MAX: usize = 256;

/// Requests in one batch.
// LIMIT: 256 uncached decisions of about 1 ms each stay within a usual 500 ms deadline.
pub const BATCH_REQUESTS_MAX: usize = 256;

/// Requests in flight on one stream; more are left unread, so that flow control slows the sender.
pub const STREAM_IN_FLIGHT_MAX: usize = 64;

/// Bytes of one gRPC message.
// LIMIT: arguments of 1 MiB, a chain of 8, evidence of 4 × 64 KiB, and room for the envelope.
pub const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes of one gRPC batch message.
pub const BATCH_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Fields of one gRPC message, those of messages within it included.
// LIMIT: two bytes make a field that takes up to 400 once it is decoded. A full batch may have 256
// in each of its requests, of which one with a chain of 8 has some 60.
pub const MESSAGE_FIELDS_MAX: usize = 64 * 1024;

/// Bytes of one file of a bundle.
pub const BUNDLE_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Files in a bundle.
pub const BUNDLE_FILES_MAX: usize = 10_000;

/// Bytes of a whole bundle.
pub const BUNDLE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Bytes of what an operator writes beside a change of the bundle.
pub const ROLLOUT_REASON_BYTES_MAX: usize = 512;

/// Exceptions in a bundle.
// LIMIT: exceptions are for the few; hundreds of them are policies in disguise.
pub const EXCEPTIONS_MAX: usize = 256;

/// How long open calls may take to end after a shutdown signal.
pub const DRAIN_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
