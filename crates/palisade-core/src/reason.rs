//! Why an answer is what it is.

use std::fmt;

/// Declares [`ReasonCode`] with its wire names, so that no code can lack one.
macro_rules! reason_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal,)+) => {
        /// Stable machine code of a reason. What fails earlier in the life of a request wins.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ReasonCode {
            /// Every code, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it stands in answers, records and documentation.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What the code means, for documentation.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+),)+
                }
            }
        }
    };
}

reason_codes! {
    /// An agent stands at the head of the chain, and its entity is not `autonomous`.
    AgentNotAutonomous => "agent_not_autonomous",
    /// An argument cannot be decided on exactly: a number too large or too fine.
    ArgsNotRepresentable => "args_not_representable",
    /// No fresh metadata of the bundle has come for too long.
    BundleExpired => "bundle_expired",
    /// In lists of tools only: the answer hangs on arguments that are not known yet.
    DependsOnArguments => "depends_on_arguments",
    /// A candidate policy failed to evaluate.
    EvaluationError => "evaluation_error",
    /// The arguments are no JSON object, or do not fit the tool's schema.
    InvalidArguments => "invalid_arguments",
    /// The decision could not be recorded.
    LogUnavailable => "log_unavailable",
    /// No policy permits this for every link of the chain.
    NoPermit => "no_permit",
    /// Every link is permitted and nothing forbids.
    Permitted => "permitted",
    /// A policy forbids this.
    PolicyForbid => "policy_forbid",
    /// It would be permitted once the requirements are met.
    RequirementsUnmet => "requirements_unmet",
    /// The resource named by the caller is not the one the arguments name.
    ResourceMismatch => "resource_mismatch",
    /// The tool's definition is not the one the catalog was reviewed with.
    ToolChanged => "tool_changed",
    /// The bundle does not know who vouches for an actor.
    UnknownIssuer => "unknown_issuer",
    /// The tool is not in the catalog.
    UnknownTool => "unknown_tool",
}

impl ReasonCode {
    /// Whether its sentence can hold text that a caller wrote. The others are ours or the bundle's.
    #[must_use]
    pub const fn quotes_request(self) -> bool {
        match self {
            Self::AgentNotAutonomous
            | Self::ArgsNotRepresentable
            | Self::EvaluationError
            | Self::InvalidArguments
            | Self::NoPermit
            | Self::ResourceMismatch
            | Self::ToolChanged
            | Self::UnknownIssuer
            | Self::UnknownTool => true,
            Self::BundleExpired
            | Self::DependsOnArguments
            | Self::LogUnavailable
            | Self::Permitted
            | Self::PolicyForbid
            | Self::RequirementsUnmet => false,
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A machine code and a sentence a person can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The stable code.
    pub code: ReasonCode,
    /// What to tell a person.
    pub sentence: String,
}

impl Reason {
    /// A reason.
    #[must_use]
    pub fn new(code: ReasonCode, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}
