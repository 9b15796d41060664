//! What the annotations of a policy say: its id, its reason, its requirement.

use palisade_core::{Requirement, RequirementKind, parse_duration};

/// The annotations of one policy, accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Annotations {
    pub(crate) id: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) requirement: Option<Requirement>,
    pub(crate) shadow: bool,
}

/// One thing that is wrong with an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnnotationProblem {
    /// The annotation it is about; empty: one that is missing.
    pub(crate) annotation: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Longest `@id`, in bytes.
// LIMIT: ids stand in every record and answer.
const ID_BYTES_MAX: usize = 128;

/// Longest `@reason`, in bytes.
const REASON_BYTES_MAX: usize = 512;

/// The annotations there are, with what they mean.
const KNOWN: [&str; 9] =
    ["acr", "approvers", "expires", "id", "max_age", "mode", "quorum", "reason", "require"];

impl Annotations {
    /// Reads annotations; whatever is not understood is a problem.
    pub(crate) fn read<'a>(
        annotations: impl Iterator<Item = (&'a str, &'a str)>,
        forbids: bool,
    ) -> (Self, Vec<AnnotationProblem>) {
        let mut reader = Reader { all: annotations.collect(), problems: Vec::new() };
        reader.all.sort_unstable();
        reader.check_names();
        let id = reader.id();
        let reason = reader.text("reason", REASON_BYTES_MAX);
        let requirement = reader.requirement(forbids);
        let shadow = reader.shadow();
        (Self { id, reason, requirement, shadow }, reader.problems)
    }
}

struct Reader<'a> {
    all: Vec<(&'a str, &'a str)>,
    problems: Vec<AnnotationProblem>,
}

impl<'a> Reader<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn problem(
        &mut self,
        annotation: &str,
        code: &'static str,
        message: String,
        help: impl Into<String>,
    ) {
        let (annotation, help) = (annotation.to_owned(), help.into());
        self.problems.push(AnnotationProblem { annotation, code, message, help });
    }

    fn check_names(&mut self) {
        let unknown: Vec<&str> = self
            .all
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !KNOWN.contains(name) && !name.starts_with("x_"))
            .collect();
        for name in unknown {
            self.problem(
                name,
                "policy.unknown_annotation",
                format!("unknown annotation `@{name}`"),
                format!("known are @{}; notes of your own start with `@x_`", KNOWN.join(", @")),
            );
        }
    }

    fn id(&mut self) -> Option<String> {
        let Some(id) = self.get("id") else {
            self.problem(
                "",
                "policy.missing_id",
                "the policy has no `@id`".to_owned(),
                "write `@id(\"what-it-is-for\")` before it; answers and records name it",
            );
            return None;
        };
        let acceptable = (1..=ID_BYTES_MAX).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if acceptable {
            return Some(id.to_owned());
        }
        self.problem(
            "id",
            "policy.bad_id",
            format!("`{}` cannot be an `@id`", id.escape_debug()),
            format!("use 1 to {ID_BYTES_MAX} letters, digits, `-`, `_` and `.`"),
        );
        None
    }

    fn text(&mut self, name: &'static str, limit: usize) -> Option<String> {
        let text = self.get(name)?;
        if text.is_empty() || text.len() > limit || text.chars().any(char::is_control) {
            self.malformed(name, &format!("one line of 1 to {limit} bytes"));
            return None;
        }
        Some(text.to_owned())
    }

    fn duration(&mut self, name: &'static str) -> Option<std::time::Duration> {
        let text = self.get(name)?;
        let duration = parse_duration(text);
        if duration.is_none() {
            self.malformed(name, "a duration such as `300s`, `15m` or `1h`");
        }
        duration
    }

    fn quorum(&mut self) -> u32 {
        match self.get("quorum").map(str::parse) {
            None => 1,
            Some(Ok(quorum @ 1..=100)) => quorum,
            Some(_) => {
                self.malformed("quorum", "a number from 1 to 100");
                1
            }
        }
    }

    fn malformed(&mut self, name: &str, wanted: &str) {
        let value = self.get(name).unwrap_or_default().escape_debug().to_string();
        self.problem(
            name,
            "policy.malformed_parameter",
            format!("`@{name}(\"{value}\")` is malformed"),
            format!("write {wanted}"),
        );
    }

    fn requirement(&mut self, forbids: bool) -> Option<Requirement> {
        let kind = match self.get("require") {
            None => None,
            Some(name) => {
                let kind = RequirementKind::ALL.into_iter().find(|kind| kind.as_str() == name);
                if kind.is_none() {
                    self.malformed(
                        "require",
                        "`approval`, `attestation`, `confirmation` or `step_up`",
                    );
                }
                if !forbids {
                    self.problem(
                        "require",
                        "policy.require_on_permit",
                        "a permit cannot `@require` anything".to_owned(),
                        "put `@require` on a forbid that lifts when the requirement is met",
                    );
                }
                kind
            }
        };
        self.check_parameters(kind);
        Some(match kind? {
            RequirementKind::Approval => Requirement::Approval {
                approvers: self.approvers()?,
                quorum: self.quorum(),
                expires: self.duration("expires"),
            },
            RequirementKind::Attestation => {
                Requirement::Attestation { max_age: self.duration("max_age") }
            }
            RequirementKind::Confirmation => {
                Requirement::Confirmation { expires: self.duration("expires") }
            }
            RequirementKind::StepUp => Requirement::StepUp {
                acr: self.text("acr", ID_BYTES_MAX),
                max_age: self.duration("max_age"),
            },
        })
    }

    fn approvers(&mut self) -> Option<String> {
        if self.get("approvers").is_none() {
            self.problem(
                "require",
                "policy.malformed_parameter",
                "`@require(\"approval\")` does not say who may approve".to_owned(),
                "add `@approvers(\"some-group\")`",
            );
        }
        self.text("approvers", ID_BYTES_MAX)
    }

    /// A parameter that its requirement does not have would be ignored, so it is refused.
    fn check_parameters(&mut self, kind: Option<RequirementKind>) {
        let parameters: &[&str] = match kind {
            None => &[],
            Some(RequirementKind::Approval) => &["approvers", "expires", "quorum"],
            Some(RequirementKind::Attestation) => &["max_age"],
            Some(RequirementKind::Confirmation) => &["expires"],
            Some(RequirementKind::StepUp) => &["acr", "max_age"],
        };
        for name in ["acr", "approvers", "expires", "max_age", "quorum"] {
            if self.get(name).is_some() && !parameters.contains(&name) {
                let owner = kind.map_or_else(
                    || "without `@require`".to_owned(),
                    |kind| format!("of `@require(\"{}\")`", kind.as_str()),
                );
                self.problem(
                    name,
                    "policy.malformed_parameter",
                    format!("`@{name}` is no parameter {owner}"),
                    "remove it, or change `@require`",
                );
            }
        }
    }

    fn shadow(&mut self) -> bool {
        match self.get("mode") {
            None => false,
            Some("shadow") => true,
            Some(_) => {
                self.malformed("mode", "`shadow`");
                // FAIL-CLOSED: the bundle does not load, so what stands here does not matter.
                false
            }
        }
    }
}
