//! What can be called: tool names, risk tiers and effects.

use std::fmt;

use crate::actor::{NameError, check_name};
use crate::limits::TOOL_NAME_BYTES_MAX;

/// Risk tier of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Tier 1: read-only.
    ReadOnly,
    /// Tier 2: low-impact write, such as a comment or a draft.
    LowImpact,
    /// Tier 3: high impact, such as a payment, a deployment or a deletion.
    HighImpact,
}

impl Tier {
    /// All tiers, lowest first.
    pub const ALL: [Self; 3] = [Self::ReadOnly, Self::LowImpact, Self::HighImpact];

    /// 1, 2 or 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::ReadOnly => 1,
            Self::LowImpact => 2,
            Self::HighImpact => 3,
        }
    }

    /// The tier with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::ReadOnly),
            2 => Some(Self::LowImpact),
            3 => Some(Self::HighImpact),
            _ => None,
        }
    }
}

/// What a tool does to the world: the columns of the tool permission matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Changes who may do what, or how things run.
    Admin,
    /// Changes nothing.
    Read,
    /// Changes data.
    Write,
}

impl Effect {
    /// All effects.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Read, Self::Write];

    /// The name used in catalogs, policies and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a tool name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolNameError {
    /// The text is empty, too long or disguised.
    #[error("not a usable name")]
    Name(#[source] NameError),
    /// No dot: names without one are reserved for action groups.
    #[error("it has no service; a tool is named `<service>.<name>`")]
    NoService,
    /// One side of the dot is empty.
    #[error("its service or its name is empty; a tool is named `<service>.<name>`")]
    EmptyPart,
    /// The service has characters that would make the name ambiguous.
    #[error("its service contains `{character}`; only a-z, 0-9, `_` and `-` are allowed")]
    ServiceCharacter {
        /// The character.
        character: char,
    },
}

/// A catalogued tool's name, `<service>.<name>`. The service has no dot; the name may.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolName {
    full: String,
    /// Byte index of the dot between service and name.
    dot: usize,
}

impl ToolName {
    /// Accepts a tool name.
    ///
    /// # Errors
    /// No dot, an empty part, a service with other characters than `a-z 0-9 _ -`, over
    /// [`TOOL_NAME_BYTES_MAX`] bytes, or control characters.
    pub fn new(full: impl Into<String>) -> Result<Self, ToolNameError> {
        let full = full.into();
        check_name(&full, TOOL_NAME_BYTES_MAX).map_err(ToolNameError::Name)?;
        let Some((service, name)) = full.split_once('.') else {
            return Err(ToolNameError::NoService);
        };
        if service.is_empty() || name.is_empty() {
            return Err(ToolNameError::EmptyPart);
        }
        if let Some(character) = service.chars().find(|c| !Self::is_service_character(*c)) {
            return Err(ToolNameError::ServiceCharacter { character });
        }
        let dot = service.len();
        Ok(Self { full, dot })
    }

    /// Whether a service name may contain this character.
    #[must_use]
    pub const fn is_service_character(character: char) -> bool {
        matches!(character, 'a'..='z' | '0'..='9' | '_' | '-')
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.full
    }

    /// The service, without the dot.
    #[must_use]
    pub fn service(&self) -> &str {
        self.full.get(..self.dot).unwrap_or_default()
    }

    /// The name within the service.
    #[must_use]
    pub fn name(&self) -> &str {
        self.full.get(self.dot + 1..).unwrap_or_default()
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}
