//! What would turn a challenge into an allow, and what satisfies it.

use std::time::Duration;

use crate::verdict::PolicyId;

/// The kinds of requirement a forbid can be cured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequirementKind {
    /// Somebody else approves.
    Approval,
    /// The environment is proven again.
    Attestation,
    /// The user confirms.
    Confirmation,
    /// The user authenticates again.
    StepUp,
}

impl RequirementKind {
    /// All kinds.
    pub const ALL: [Self; 4] =
        [Self::Approval, Self::Attestation, Self::Confirmation, Self::StepUp];

    /// The name used in `@require` and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Attestation => "attestation",
            Self::Confirmation => "confirmation",
            Self::StepUp => "step_up",
        }
    }
}

/// What a curable forbid asks for: a kind and its parameters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Requirement {
    /// Distinct people of a group approve exactly these arguments.
    Approval {
        /// Group whose members may approve.
        approvers: String,
        /// How many distinct people; at least 1.
        quorum: u32,
        /// How long an approval stays good; `None`: the server's default.
        expires: Option<Duration>,
    },
    /// The last link's environment is attested.
    Attestation {
        /// Greatest age; `None`: any.
        max_age: Option<Duration>,
    },
    /// The user at the head confirms.
    Confirmation {
        /// How long a confirmation stays good; `None`: the server's default.
        expires: Option<Duration>,
    },
    /// The user at the head authenticates again (RFC 9470).
    StepUp {
        /// Authentication context class; `None`: any.
        acr: Option<String>,
        /// Greatest age of the authentication; `None`: any.
        max_age: Option<Duration>,
    },
}

impl Requirement {
    /// The requirement's kind.
    #[must_use]
    pub const fn kind(&self) -> RequirementKind {
        match self {
            Self::Approval { .. } => RequirementKind::Approval,
            Self::Attestation { .. } => RequirementKind::Attestation,
            Self::Confirmation { .. } => RequirementKind::Confirmation,
            Self::StepUp { .. } => RequirementKind::StepUp,
        }
    }
}

/// A live object that can satisfy requirements of its kind: the proof that something happened.
/// Whether it is bound to this chain, tool and arguments is established before it gets here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cure {
    /// People of a group approved.
    Approval {
        /// The group they approved as.
        approvers: String,
        /// How many distinct people did.
        people: u32,
        /// How long ago the oldest counted approval was given.
        age: Duration,
    },
    /// The user confirmed.
    Confirmation {
        /// How long ago.
        age: Duration,
    },
    /// The user authenticated.
    StepUp {
        /// Authentication context class reached.
        acr: Option<String>,
        /// How long ago.
        age: Duration,
    },
}

impl Cure {
    /// Whether this object satisfies the requirement in every parameter.
    ///
    /// An authentication context class is compared for equality: classes have no order that
    /// everybody shares (RFC 9470, section 3).
    #[must_use]
    pub fn satisfies(&self, requirement: &Requirement) -> bool {
        let within = |age: &Duration, limit: &Option<Duration>| limit.is_none_or(|max| *age <= max);
        match (self, requirement) {
            (
                Self::Approval { approvers, people, age },
                Requirement::Approval { approvers: asked, quorum, expires },
            ) => approvers == asked && people >= quorum && within(age, expires),
            (Self::Confirmation { age }, Requirement::Confirmation { expires }) => {
                within(age, expires)
            }
            (Self::StepUp { acr, age }, Requirement::StepUp { acr: asked, max_age }) => {
                (asked.is_none() || acr == asked) && within(age, max_age)
            }
            // An approval never stands in for a confirmation, nor anything for an attestation.
            (
                Self::Approval { .. } | Self::Confirmation { .. } | Self::StepUp { .. },
                Requirement::Approval { .. }
                | Requirement::Attestation { .. }
                | Requirement::Confirmation { .. }
                | Requirement::StepUp { .. },
            ) => false,
        }
    }
}

/// A requirement of a verdict, with the policies that ask for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostedRequirement {
    /// What is asked for.
    pub requirement: Requirement,
    /// Who asks, sorted.
    pub policies: Vec<PolicyId>,
}
