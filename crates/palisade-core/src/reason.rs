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
    /// What the last link runs in was attested, but that is no longer good.
    AttestationExpired => "attestation_expired",
    /// What was presented as attestation proves nothing of the last link.
    AttestationInvalid => "attestation_invalid",
    /// No fresh metadata of the bundle has come for too long.
    BundleExpired => "bundle_expired",
    /// The same actor stands in the chain twice.
    ChainCycle => "chain_cycle",
    /// The chain has more links than can be decided on.
    ChainTooDeep => "chain_too_deep",
    /// In lists of tools only: the answer hangs on arguments that are not known yet.
    DependsOnArguments => "depends_on_arguments",
    /// A candidate policy failed to evaluate.
    EvaluationError => "evaluation_error",
    /// A token names an actor that its issuer may not speak for.
    ForeignNamespace => "foreign_namespace",
    /// The arguments are no JSON object, or do not fit the tool's schema.
    InvalidArguments => "invalid_arguments",
    /// The decision could not be recorded.
    LogUnavailable => "log_unavailable",
    /// No policy permits this for every link of the chain.
    NoPermit => "no_permit",
    /// The enforcement point may not speak for this tool, or not set a part of the context.
    PepNotEntitled => "pep_not_entitled",
    /// Every link is permitted and nothing forbids.
    Permitted => "permitted",
    /// A policy forbids this.
    PolicyForbid => "policy_forbid",
    /// It would be permitted once the requirements are met.
    RequirementsUnmet => "requirements_unmet",
    /// The resource named by the caller is not the one the arguments name.
    ResourceMismatch => "resource_mismatch",
    /// A credential of the chain, or an actor in it, has been revoked.
    Revoked => "revoked",
    /// The tool's definition is not the one the catalog was reviewed with.
    ToolChanged => "tool_changed",
    /// Nothing that may join them joins two of the presented credentials to one chain.
    UnlinkedChain => "unlinked_chain",
    /// The bundle does not know who vouches for an actor.
    UnknownIssuer => "unknown_issuer",
    /// The tool is not in the catalog.
    UnknownTool => "unknown_tool",
    /// An actor's credential is missing, not acceptable, or not proven to be its own.
    UnverifiedActor => "unverified_actor",
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
            Self::AttestationExpired
            | Self::AttestationInvalid
            | Self::BundleExpired
            | Self::ChainCycle
            | Self::ChainTooDeep
            | Self::DependsOnArguments
            | Self::ForeignNamespace
            | Self::LogUnavailable
            | Self::PepNotEntitled
            | Self::Permitted
            | Self::PolicyForbid
            | Self::RequirementsUnmet
            | Self::Revoked
            | Self::UnlinkedChain
            | Self::UnverifiedActor => false,
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
