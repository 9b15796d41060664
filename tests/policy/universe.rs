//! Small bundles made of text, and requests to them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use palisade_catalog::{Catalog, ReferenceValues};
use palisade_core::{
    Actor, ActorChain, ActorKind, BundleName, Environment, EpochMillis, FactSources, Facts,
    IssuerName, PolicyId, Problems, Reason, ReasonCode, RequestOptions, Revision, Sha256Digest,
    Subject, ToolCall, Verdict,
};
use palisade_engine::{
    ClaimMappings, Exception, ExceptionPlace, Issuers, PolicySnapshot, SnapshotSources, SourceFile,
    TemplateLink,
};

/// Three tools in two segments; `docs.read` acts on a `Document`.
pub(crate) const CATALOG: &str = r"
format: 1
segments: [office, finance]
services:
  docs: { segment: office }
  pay: { segment: finance }
tools:
  docs.read:
    tier: 1
    effect: read
    arguments:
      type: object
      properties: { id: { type: string } }
      required: [id]
      additionalProperties: false
    resource: { type: Document, argument: id, normalize: path }
  docs.note:
    tier: 2
    effect: write
    arguments: { type: object, properties: { n: { type: integer }, text: { type: string } } }
  pay.send:
    tier: 3
    effect: write
    arguments:
      type: object
      properties:
        n: { type: integer }
        amount: { type: number }
        to: { type: string }
        opts: { type: object, properties: { mode: { type: string } } }
      required: [n]
";

/// The parts of a bundle that tests vary.
#[derive(Clone, Debug)]
pub(crate) struct Universe {
    pub(crate) catalog: String,
    pub(crate) policies: String,
    /// Further files of policies, by name.
    pub(crate) more_policies: Vec<(String, String)>,
    pub(crate) schema: String,
    pub(crate) entities: String,
    pub(crate) links: Vec<TemplateLink>,
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) facts: FactSources,
    pub(crate) claims: ClaimMappings,
}

impl Default for Universe {
    fn default() -> Self {
        Self {
            catalog: CATALOG.to_owned(),
            policies: String::new(),
            more_policies: Vec::new(),
            schema: String::new(),
            entities: "[]".to_owned(),
            links: Vec::new(),
            exceptions: Vec::new(),
            facts: FactSources::default(),
            claims: ClaimMappings::default(),
        }
    }
}

impl Universe {
    pub(crate) fn with_policies(policies: impl Into<String>) -> Self {
        Self { policies: policies.into(), ..Self::default() }
    }

    pub(crate) fn build(&self) -> Result<PolicySnapshot, Problems> {
        self.build_with_advice().map(|(snapshot, _)| snapshot)
    }

    pub(crate) fn build_with_advice(&self) -> Result<(PolicySnapshot, Problems), Problems> {
        self.build_after(None)
    }

    /// The same after another snapshot, of which is used what did not change.
    pub(crate) fn build_after(
        &self,
        previous: Option<&PolicySnapshot>,
    ) -> Result<(PolicySnapshot, Problems), Problems> {
        let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
        let (catalog, _) = Catalog::parse(&Arc::from("catalog.yaml"), &self.catalog)?;
        let schema = match self.schema.as_str() {
            "" => Vec::new(),
            text => vec![file("schema/own.cedarschema", text)],
        };
        let sources = SnapshotSources {
            revision: Revision {
                bundle: BundleName::new("test").expect("a bundle name"),
                version: 1,
                digest: Sha256Digest::of(b""),
            },
            issuers: Issuers::new(BTreeMap::from([(
                "t".to_owned(),
                "https://issuer.example".to_owned(),
            )])),
            claims: self.claims.clone(),
            catalog,
            policies: [file("policies/all.cedar", &self.policies)]
                .into_iter()
                .chain(self.more_policies.iter().map(|(name, text)| file(name, text)))
                .collect(),
            links: self.links.clone(),
            schema,
            entities: vec![file("entities/all.json", &self.entities)],
            exceptions: self.exceptions.clone(),
            reference: ReferenceValues::default(),
        };
        match previous {
            None => PolicySnapshot::build(&sources, self.facts),
            Some(_) => PolicySnapshot::build_after(&sources, self.facts, previous),
        }
    }

    /// The snapshot; a bundle that does not load fails the test with its problems.
    pub(crate) fn snapshot(&self) -> PolicySnapshot {
        self.build().unwrap_or_else(|problems| {
            let mut text = String::new();
            for problem in &problems.0 {
                writeln!(text, "{problem}").expect("writes to a string");
            }
            panic!("the bundle does not load:\n{text}\n{}", self.policies)
        })
    }

    /// The codes of the problems that keep it from loading.
    pub(crate) fn error_codes(&self) -> Vec<&'static str> {
        match self.build() {
            Ok(_) => Vec::new(),
            Err(problems) => problems
                .0
                .iter()
                .filter(|problem| problem.severity == palisade_core::Severity::Error)
                .map(|problem| problem.code)
                .collect(),
        }
    }
}

/// An exception named after its policy and its end; the actor as on the command line.
pub(crate) fn exception(
    policy: &str,
    principal: &str,
    tool: &str,
    until: EpochMillis,
) -> Exception {
    Exception {
        id: format!("lift-{policy}-{}", until.as_millis()).into(),
        policy: PolicyId::new(policy),
        principal: principal.parse().expect("an actor"),
        tool: tool.to_owned(),
        until,
        reason: "it is broken".into(),
        ticket: "T-1".into(),
        place: ExceptionPlace {
            file: "exceptions.yaml".into(),
            policy: None,
            principal: None,
            tool: None,
            until: None,
        },
    }
}

/// An actor of the test issuer.
pub(crate) fn actor(kind: ActorKind, subject: &str) -> Actor {
    Actor {
        kind,
        issuer: IssuerName::new("t").expect("an issuer"),
        subject: Subject::new(subject).expect("a subject"),
    }
}

/// A call with nothing but chain, tool and arguments.
pub(crate) fn call(links: Vec<Actor>, tool: &str, arguments: &str) -> ToolCall {
    ToolCall {
        chain: ActorChain::new(links).expect("a chain"),
        identity: None,
        tool: tool.to_owned(),
        tool_digest: None,
        arguments: arguments.as_bytes().to_vec(),
        resource: None,
        environment: Environment::default(),
        options: RequestOptions::default(),
        trace: None,
    }
}

/// The instant tests decide at.
pub(crate) const NOW: EpochMillis = EpochMillis::new(1_767_225_600_000);

/// Decides, as the pipeline does. Whatever a test asks, every other way to the answer has to say
/// the same: Cedar's own authorizer over all policies, the index without memory, and memory of
/// every kind, cold and warm.
pub(crate) fn decide(snapshot: &PolicySnapshot, call: &ToolCall, facts: &Facts) -> Verdict {
    let verdict = match snapshot.resolve(call).call {
        Ok(resolved) => {
            let verdict = snapshot.decide_by_stock_cedar(&resolved, facts);
            let afresh = snapshot.decide_afresh(&resolved, facts);
            assert_eq!(afresh.verdict, verdict, "indexed, {call:?}");
            assert!(afresh.validity.contains(facts.now), "{call:?}");
            for memory in ["cold", "warm"] {
                let decided = snapshot.decide(&resolved, facts);
                assert_eq!(decided.verdict, verdict, "{memory}, {call:?}");
                assert!(decided.validity.contains(facts.now), "{memory}, {call:?}");
            }
            verdict
        }
        Err(refusal) => Verdict::deny(refusal.reason),
    };
    // Calls are noted the first time and kept the second, so the third is from memory.
    for memory in ["unknown", "noted", "kept"] {
        let answer = snapshot.answer(call, facts);
        assert_eq!(*answer.verdict, verdict, "{memory}, {call:?}");
    }
    verdict
}

/// The reason a call is answered with.
pub(crate) fn reason(snapshot: &PolicySnapshot, call: &ToolCall) -> ReasonCode {
    let Reason { code, .. } = decide(snapshot, call, &Facts::at(NOW)).reason;
    code
}
