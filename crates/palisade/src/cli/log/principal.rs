//! Who stands behind a call, in short.

use std::fmt;

use palisade_proto::v1;

use super::line;

/// Who asked first and who would have acted; the same if there is one link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) struct Principal {
    pub(in crate::cli) head: String,
    pub(in crate::cli) last: String,
}

impl Principal {
    pub(in crate::cli) fn of(chain: &[v1::RecordedActor]) -> Self {
        let named = |actor: Option<&v1::RecordedActor>| actor.map(line::actor).unwrap_or_default();
        Self { head: named(chain.first()), last: named(chain.last()) }
    }
}

/// `user:corp:alice → agent:corp:bot`
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, last } = self;
        if head == last { f.write_str(head) } else { write!(f, "{head} → {last}") }
    }
}
