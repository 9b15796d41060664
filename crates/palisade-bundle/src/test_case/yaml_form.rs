//! Tests in our own form.

mod facts;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use palisade_core::{
    Actor, ActorChain, Cure, Environment, EpochMillis, ErrorChain, Facts, Outcome, PolicyId,
    Problem, ReasonCode, RequestOptions, Requirement, ResourceName, Sha256Digest, ToolCall,
    parse_duration,
};
use palisade_engine::SourceFile;

use super::{CallCase, TestCase, TestKind, Want};
use crate::yaml;
use facts::{RawAttestation, RawAuthentication};

/// The instant of a test that names none: 2026-01-01T00:00:00Z.
const NOW_DEFAULT: EpochMillis = EpochMillis::new(1_767_225_600_000);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTests {
    tests: Vec<RawCase>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: Spanned<String>,
    now: Option<Spanned<String>>,
    chain: Spanned<Vec<Spanned<String>>>,
    tool: String,
    tool_digest: Option<Spanned<String>>,
    arguments: Option<Map<String, Value>>,
    arguments_text: Option<Spanned<String>>,
    resource: Option<RawResource>,
    source_address: Option<Spanned<String>>,
    auth: Option<Spanned<RawAuthentication>>,
    attestation: Option<Spanned<RawAttestation>>,
    #[serde(default)]
    claims: BTreeMap<String, Spanned<Map<String, Value>>>,
    proof: Option<Spanned<String>>,
    #[serde(default)]
    cures: Vec<RawCure>,
    want: RawWant,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResource {
    #[serde(rename = "type")]
    entity_type: String,
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum RawCure {
    Approval { approvers: String, people: u32, age: Spanned<String> },
    Confirmation { age: Spanned<String> },
    StepUp { acr: Option<String>, age: Spanned<String> },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWant {
    outcome: Spanned<String>,
    reason: Option<Spanned<String>>,
    determining: Option<Vec<String>>,
    requirements: Option<Vec<RawRequirement>>,
    exceptions: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum RawRequirement {
    Approval {
        approvers: String,
        #[serde(default = "one")]
        quorum: u32,
        expires: Option<Spanned<String>>,
    },
    Attestation {
        max_age: Option<Spanned<String>>,
    },
    Confirmation {
        expires: Option<Spanned<String>>,
    },
    StepUp {
        acr: Option<String>,
        max_age: Option<Spanned<String>>,
    },
}

/// The quorum of an approval that names none, as in policies.
const fn one() -> u32 {
    1
}

/// Reads a file of tests. What cannot be read is left out and stands in `problems`.
pub(crate) fn read(file: &SourceFile, problems: &mut Vec<Problem>) -> Vec<TestCase> {
    let RawTests { tests } = match yaml::read(file) {
        Ok(tests) => tests,
        Err(problem) => {
            problems.push(problem);
            return Vec::new();
        }
    };
    let mut reader = Reader { file, problems };
    tests.into_iter().filter_map(|raw| reader.case(raw)).collect()
}

/// Reads cases and collects what is wrong with them.
struct Reader<'a> {
    file: &'a SourceFile,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn case(&mut self, raw: RawCase) -> Option<TestCase> {
        let RawCase {
            name,
            now,
            chain,
            tool,
            tool_digest,
            arguments,
            arguments_text,
            resource,
            source_address,
            auth,
            attestation,
            claims,
            proof,
            cures,
            want,
        } = raw;
        // Every part is read before any of them is required, so that all problems are found.
        let now = self.optional(now.as_ref(), NOW_HELP, EpochMillis::parse_rfc3339);
        let chain = self.chain(&chain);
        let tool_digest = self
            .optional(tool_digest.as_ref(), DIGEST_HELP, |text| text.parse::<Sha256Digest>().ok());
        let source_address = self
            .optional(source_address.as_ref(), ADDRESS_HELP, |text| text.parse::<IpAddr>().ok());
        let arguments = self.arguments(arguments, arguments_text);
        let instant = now.flatten().unwrap_or(NOW_DEFAULT);
        let authentication = auth.map(|auth| facts::authentication(self, auth, instant));
        let attestation = attestation.map(|raw| facts::attestation(self, raw, instant));
        let proof = facts::proof(self, proof.as_ref());
        let identity = chain.as_ref().map(|chain| facts::identity(self, chain, proof?, claims));
        let cures: Vec<_> = cures.into_iter().map(|cure| self.cure(cure)).collect();
        let want = self.want(want);

        let call = ToolCall {
            chain: chain?,
            identity: identity??,
            tool,
            tool_digest: tool_digest?,
            arguments: arguments?,
            resource: resource
                .map(|RawResource { entity_type, id }| ResourceName { entity_type, id }),
            environment: Environment { source_address: source_address?, pep_request_id: None },
            options: RequestOptions::default(),
            trace: None,
        };
        let facts = Facts {
            now: now?.unwrap_or(NOW_DEFAULT),
            cures: cures.into_iter().collect::<Option<_>>()?,
            authentication: required(authentication)?,
            attestation: required(attestation)?,
        };
        Some(TestCase {
            line: Some(name.referenced.line()),
            span: yaml::span(self.file, &name),
            name: name.value,
            file: Arc::clone(&self.file.name),
            kind: TestKind::Call(Box::new(CallCase { call, facts, want: want? })),
        })
    }

    fn chain(&mut self, raw: &Spanned<Vec<Spanned<String>>>) -> Option<ActorChain> {
        let mut actors = Vec::new();
        let mut complete = true;
        for text in &raw.value {
            match text.value.parse::<Actor>() {
                Ok(actor) => actors.push(actor),
                Err(error) => {
                    complete = false;
                    let message = format!("`{}` is no actor: {}", text.value, ErrorChain(&error));
                    self.error(message, text);
                }
            }
        }
        match ActorChain::new(actors) {
            Ok(chain) => complete.then_some(chain),
            // What is missing was reported already.
            Err(_) if !complete => None,
            Err(error) => {
                self.error(error.to_string(), raw);
                None
            }
        }
    }

    fn arguments(
        &mut self,
        arguments: Option<Map<String, Value>>,
        text: Option<Spanned<String>>,
    ) -> Option<Vec<u8>> {
        match (arguments, text) {
            (None, None) => Some(Vec::new()),
            (None, Some(text)) => Some(text.value.into_bytes()),
            (Some(arguments), None) => Some(Value::Object(arguments).to_string().into_bytes()),
            (Some(_), Some(text)) => {
                self.error("the test has both `arguments` and `arguments_text`", &text);
                None
            }
        }
    }

    fn cure(&mut self, raw: RawCure) -> Option<Cure> {
        Some(match raw {
            RawCure::Approval { approvers, people, age } => {
                Cure::Approval { approvers, people, age: self.duration(&age)? }
            }
            RawCure::Confirmation { age } => Cure::Confirmation { age: self.duration(&age)? },
            RawCure::StepUp { acr, age } => Cure::StepUp { acr, age: self.duration(&age)? },
        })
    }

    fn want(&mut self, raw: RawWant) -> Option<Want> {
        let RawWant { outcome, reason, determining, requirements, exceptions } = raw;
        let outcome = self.one_of(&outcome, &OUTCOMES, Outcome::as_str);
        let reason = match &reason {
            Some(reason) => self.one_of(reason, ReasonCode::ALL, ReasonCode::as_str).map(Some),
            None => Some(None),
        };
        let determining = determining.map(|mut ids| {
            ids.sort_unstable();
            ids.iter().map(|id| PolicyId::new(id)).collect()
        });
        let requirements = requirements.map(|requirements| {
            let read: Vec<_> = requirements.into_iter().map(|raw| self.requirement(raw)).collect();
            read.into_iter().collect::<Option<Vec<_>>>()
        });
        let requirements = match requirements {
            Some(requirements) => {
                let mut requirements = requirements?;
                requirements.sort_unstable();
                Some(requirements)
            }
            None => None,
        };
        let exceptions = exceptions.map(|mut ids| {
            ids.sort_unstable();
            ids
        });
        Some(Want { outcome: outcome?, reason: reason?, determining, requirements, exceptions })
    }

    fn requirement(&mut self, raw: RawRequirement) -> Option<Requirement> {
        let mut limit = |text: Option<Spanned<String>>| match text {
            Some(text) => self.duration(&text).map(Some),
            None => Some(None),
        };
        Some(match raw {
            RawRequirement::Approval { approvers, quorum, expires } => {
                Requirement::Approval { approvers, quorum, expires: limit(expires)? }
            }
            RawRequirement::Attestation { max_age } => {
                Requirement::Attestation { max_age: limit(max_age)? }
            }
            RawRequirement::Confirmation { expires } => {
                Requirement::Confirmation { expires: limit(expires)? }
            }
            RawRequirement::StepUp { acr, max_age } => {
                Requirement::StepUp { acr, max_age: limit(max_age)? }
            }
        })
    }

    fn duration(&mut self, text: &Spanned<String>) -> Option<Duration> {
        let duration = parse_duration(&text.value);
        if duration.is_none() {
            let message = format!("`{}` is no duration", text.value);
            self.error(message, text).help = Some("write e.g. `250ms`, `30s` or `15m`".to_owned());
        }
        duration
    }

    /// `Some(None)` if there is no text, `None` if it is wrong.
    fn optional<T>(
        &mut self,
        text: Option<&Spanned<String>>,
        help: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        let Some(text) = text else {
            return Some(None);
        };
        let value = parse(&text.value);
        if value.is_none() {
            let message = format!("`{}` cannot be read", text.value);
            self.error(message, text).help = Some(help.to_owned());
        }
        value.map(Some)
    }

    fn one_of<T: Copy>(
        &mut self,
        text: &Spanned<String>,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<T> {
        let value = all.iter().copied().find(|value| name(*value) == text.value);
        if value.is_none() {
            let names: Vec<_> = all.iter().map(|value| name(*value)).collect();
            let help = format!("write one of {}", names.join(", "));
            self.error(format!("`{}` is not known", text.value), text).help = Some(help);
        }
        value
    }

    fn error<T>(&mut self, message: impl Into<String>, place: &Spanned<T>) -> &mut Problem {
        let mut problem = Problem::error("tests.invalid", message).in_file(&self.file.name);
        problem.span = yaml::span(self.file, place);
        self.problems.push_mut(problem)
    }
}

/// `Some(None)` if nothing was written, `None` if what was written is wrong.
fn required<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

const OUTCOMES: [Outcome; 3] = [Outcome::Allow, Outcome::Challenge, Outcome::Deny];
const NOW_HELP: &str = "write an instant in UTC, e.g. `2026-01-01T09:00:00Z`";
const DIGEST_HELP: &str = "write 64 lower-case hexadecimal digits";
const ADDRESS_HELP: &str = "write an IPv4 or IPv6 address, e.g. `10.0.0.1`";
