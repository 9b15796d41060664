//! The attributes of `context`.

/// An attribute of `context`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ContextPart {
    Approval,
    Args,
    ArgsInfo,
    Attestation,
    Auth,
    Chain,
    Confirmation,
    Data,
    Grounding,
    Now,
    Session,
    SourceIp,
    StepUp,
    Tool,
    Ungrounded,
}

impl ContextPart {
    pub(crate) const ALL: [Self; 15] = [
        Self::Approval,
        Self::Args,
        Self::ArgsInfo,
        Self::Attestation,
        Self::Auth,
        Self::Chain,
        Self::Confirmation,
        Self::Data,
        Self::Grounding,
        Self::Now,
        Self::Session,
        Self::SourceIp,
        Self::StepUp,
        Self::Tool,
        Self::Ungrounded,
    ];

    /// Its name in policies.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Args => "args",
            Self::ArgsInfo => "argsInfo",
            Self::Attestation => "attestation",
            Self::Auth => "auth",
            Self::Chain => "chain",
            Self::Confirmation => "confirmation",
            Self::Data => "data",
            Self::Grounding => "grounding",
            Self::Now => "now",
            Self::Session => "session",
            Self::SourceIp => "sourceIp",
            Self::StepUp => "stepUp",
            Self::Tool => "tool",
            Self::Ungrounded => "ungrounded",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Some attributes of `context`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContextParts(u16);

impl ContextParts {
    /// Those for which a test holds.
    pub(crate) fn of(mut holds: impl FnMut(ContextPart) -> bool) -> Self {
        let parts = ContextPart::ALL.into_iter().filter(|part| holds(*part));
        Self(parts.fold(0, |bits, part| bits | part.bit()))
    }

    pub(crate) const fn has(self, part: ContextPart) -> bool {
        self.0 & part.bit() != 0
    }

    /// Those of either.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
