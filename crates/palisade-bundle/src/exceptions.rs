//! `exceptions.yaml`: forbids that are lifted for one actor and one tool until an instant.
//!
//! A list; what is needed for a while stands in it with who granted it, and every use is on
//! record:
//!
//! ```yaml
//! - id: INC-1234-refund
//!   policy: no-refunds-on-weekends
//!   principal: user:corp:alice
//!   tool: payments.refund
//!   until: 2026-12-31T18:00:00Z
//!   reason: the payment provider is down, support refunds by hand
//!   ticket: INC-1234
//! ```
//!
//! - `id` names the exception in answers and records: 1 to 64 letters, digits, `.`, `_` and `-`,
//!   once in the file.
//! - `policy` is the `@id` of a forbid, or the id of a template link. Permits and policies in the
//!   shadow have nothing to lift.
//! - `principal` is one actor, as on the command line: `kind:alias:subject`. Groups cannot be
//!   named.
//! - `tool` is one tool of the catalog, without wildcards.
//! - `until` is an instant in UTC; from then on the exception lifts nothing.
//! - `reason` (1 to 512 bytes) and `ticket` (1 to 128 bytes) are for people.
//!
//! All fields are needed. An exception lifts a forbid that holds, for links of the chain that are
//! its principal; it does not permit anything, and a forbid that cannot be evaluated denies all
//! the same. One that has ended does not keep the bundle from loading, or a server could not
//! restart; whoever checks a bundle is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_saphyr::Spanned;

use palisade_core::limits::EXCEPTIONS_MAX;
use palisade_core::{Actor, EpochMillis, ErrorChain, PolicyId, Problem};
use palisade_engine::{Exception, ExceptionPlace, SourceFile};

use crate::yaml;

/// Bytes of an exception's id.
// LIMIT: ids stand in answers, records and metrics.
const ID_BYTES_MAX: usize = 64;

/// Bytes of an exception's reason.
// LIMIT: as for the `@reason` of a policy.
const REASON_BYTES_MAX: usize = 512;

/// Bytes of an exception's ticket.
// LIMIT: it stands in every record of a use.
const TICKET_BYTES_MAX: usize = 128;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawException {
    id: Spanned<String>,
    policy: Spanned<String>,
    principal: Spanned<String>,
    tool: Spanned<String>,
    until: Spanned<String>,
    reason: Spanned<String>,
    ticket: Spanned<String>,
}

/// Reads `exceptions.yaml`. What cannot be read is left out and stands in `problems`. Whether
/// policies, tools and issuers exist is for the engine to say.
pub(crate) fn read(file: &SourceFile, problems: &mut Vec<Problem>) -> Vec<Exception> {
    if file.text.trim().is_empty() {
        return Vec::new();
    }
    // A file of comments has no value.
    let raw: Option<Vec<RawException>> = match yaml::read(file) {
        Ok(raw) => raw,
        Err(problem) => {
            problems.push(problem);
            return Vec::new();
        }
    };
    let raw = raw.unwrap_or_default();
    let mut reader = Reader { file, problems, lines: BTreeMap::new() };
    if let Some(first_too_many) = raw.get(EXCEPTIONS_MAX) {
        let message = format!("the bundle has {} exceptions", raw.len());
        reader.error("exception.too_many", message, &first_too_many.id).help =
            Some(format!("at most {EXCEPTIONS_MAX} are for the few; change the policies instead"));
    }
    raw.into_iter().filter_map(|raw| reader.exception(raw)).collect()
}

/// Reads exceptions and collects what is wrong with them.
struct Reader<'a> {
    file: &'a SourceFile,
    problems: &'a mut Vec<Problem>,
    /// The ids so far, with their lines.
    lines: BTreeMap<String, u64>,
}

impl Reader<'_> {
    fn exception(&mut self, raw: RawException) -> Option<Exception> {
        let RawException { id, policy, principal, tool, until, reason, ticket } = raw;
        // All of them are read, so that all problems show.
        let accepted_id = self.id(&id);
        let actor = self.principal(&principal);
        let instant = self.until(&until);
        let accepted_reason = self.text("reason", &reason, REASON_BYTES_MAX);
        let accepted_ticket = self.text("ticket", &ticket, TICKET_BYTES_MAX);
        let place = ExceptionPlace {
            file: Arc::clone(&self.file.name),
            policy: yaml::span(self.file, &policy),
            principal: yaml::span(self.file, &principal),
            tool: yaml::span(self.file, &tool),
            until: yaml::span(self.file, &until),
        };
        Some(Exception {
            id: accepted_id?,
            policy: PolicyId::new(&policy.value),
            principal: actor?,
            tool: tool.value,
            until: instant?,
            reason: accepted_reason?,
            ticket: accepted_ticket?,
            place,
        })
    }

    fn id(&mut self, id: &Spanned<String>) -> Option<Arc<str>> {
        let text = &id.value;
        let is_usable = (1..=ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if !is_usable {
            let message = format!("`{}` cannot be the id of an exception", text.escape_debug());
            self.error("exception.bad_id", message, id).help =
                Some(format!("use 1 to {ID_BYTES_MAX} letters, digits, `.`, `_` and `-`"));
            return None;
        }
        if let Some(line) = self.lines.get(text) {
            let message = format!("the exception `{text}` stands in line {line} already");
            self.error("exception.duplicate_id", message, id).help =
                Some("give every exception an id of its own; records name it".to_owned());
            return None;
        }
        self.lines.insert(text.clone(), id.referenced.line());
        Some(text.as_str().into())
    }

    fn principal(&mut self, text: &Spanned<String>) -> Option<Actor> {
        match text.value.parse() {
            Ok(actor) => Some(actor),
            Err(error) => {
                let written = text.value.escape_debug();
                let message = format!("`{written}` is no actor: {}", ErrorChain(&error));
                self.error("exception.bad_principal", message, text).help =
                    Some("write one actor, e.g. `user:corp:alice`".to_owned());
                None
            }
        }
    }

    fn until(&mut self, text: &Spanned<String>) -> Option<EpochMillis> {
        let instant = EpochMillis::parse_rfc3339(&text.value);
        if instant.is_none() {
            let message = format!("`{}` is no instant", text.value.escape_debug());
            self.error("exception.bad_until", message, text).help =
                Some("write an instant in UTC, e.g. `2026-12-31T18:00:00Z`".to_owned());
        }
        instant
    }

    fn text(&mut self, what: &str, text: &Spanned<String>, limit: usize) -> Option<Arc<str>> {
        let code = if what == "reason" { "exception.bad_reason" } else { "exception.bad_ticket" };
        let message = match text.value.len() {
            bytes if bytes > limit => format!("the {what} has {bytes} bytes; the limit is {limit}"),
            _ if text.value.trim().is_empty() => format!("the {what} is empty"),
            _ if text.value.chars().any(char::is_control) => {
                format!("the {what} has a control character in it")
            }
            _ => return Some(text.value.as_str().into()),
        };
        self.error(code, message, text).help =
            Some("whoever reads the record should know why, on one line".to_owned());
        None
    }

    fn error<T>(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        place: &Spanned<T>,
    ) -> &mut Problem {
        let mut problem = Problem::error(code, message).in_file(&self.file.name);
        problem.span = yaml::span(self.file, place);
        self.problems.push_mut(problem)
    }
}

#[cfg(test)]
mod tests;
