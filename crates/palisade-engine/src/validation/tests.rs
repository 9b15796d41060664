//! What is skipped is what Cedar's validator has nothing to say of: every scope with every
//! condition, against the validator over everything.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_catalog::Catalog;

use super::*;
use crate::{SourceFile, TemplateLink, schema};

/// Tools that differ in effect, tier, resource and in what their arguments are called; `docs.note`
/// and `pay.list` are alike.
const CATALOG: &str = r"
format: 1
segments: [office, finance]
services:
  docs: { segment: office }
  pay: { segment: finance }
tools:
  docs.add:
    tier: 2
    effect: write
    arguments: { type: object, properties: { n: { type: integer } }, required: [n] }
  docs.read:
    tier: 1
    effect: read
    arguments:
      type: object
      properties: { id: { type: string }, n: { type: integer } }
      required: [id, n]
      additionalProperties: false
    resource: { type: Document, argument: id, normalize: path }
  docs.note:
    tier: 2
    effect: write
    arguments: { type: object, properties: { n: { type: integer }, text: { type: string } } }
  pay.list:
    tier: 2
    effect: write
    arguments: { type: object, properties: { n: { type: integer }, text: { type: string } } }
  pay.quote:
    tier: 1
    effect: read
    arguments: { type: object, properties: { n: { type: string } }, required: [n] }
  pay.send:
    tier: 3
    effect: write
    arguments:
      type: object
      properties:
        n: { type: integer }
        amount: { type: number }
        opts: { type: object, properties: { mode: { type: string } } }
      required: [n]
";

const SCHEMA: &str = r#"
entity User = { level: Long, manager?: User } tags String;
entity Agent = { owner?: User };
entity Document = { secret?: Bool };
entity Color enum ["red", "blue"];
"#;

const PRINCIPALS: [&str; 11] = [
    "principal",
    "principal == User::\"t:ann\"",
    "principal == Group::\"g\"",
    "principal == Nobody::\"x\"",
    "principal in Group::\"g\"",
    "principal in User::\"t:ann\"",
    "principal in Document::\"a\"",
    "principal is User",
    "principal is Agent in Group::\"g\"",
    "principal is Tool",
    "principal is Service in User::\"t:ann\"",
];

const ACTIONS: [&str; 14] = [
    "action",
    "action == Action::\"pay.send\"",
    "action == Action::\"pay.quote\"",
    "action == Action::\"docs.read\"",
    "action == Action::\"write\"",
    "action == Action::\"nothing\"",
    "action in Action::\"write\"",
    "action in Action::\"irreversible\"",
    "action in Action::\"docs.note\"",
    "action in []",
    "action in [Action::\"docs.note\", Action::\"pay.list\"]",
    "action in [Action::\"read\", Action::\"tier3\"]",
    "action in [Action::\"tier2\", Action::\"write\"]",
    "action in [Action::\"pay.send\", Action::\"nothing\"]",
];

const RESOURCES: [&str; 8] = [
    "resource",
    "resource == Tool::\"pay.send\"",
    "resource == Document::\"a\"",
    "resource == Segment::\"finance\"",
    "resource in Service::\"pay\"",
    "resource is Document",
    "resource is Tool in Segment::\"finance\"",
    "resource is User",
];

/// Right everywhere, right somewhere, and wrong in each way that depends on what is asked.
const CONDITIONS: [&str; 44] = [
    "",
    "when { true }",
    "when { false }",
    "when { 1 }",
    "when { context.tool.tier > 1 && context.tool.segment == Segment::\"finance\" }",
    "when { context.tool.tier > \"1\" }",
    "when { context.nothing }",
    "when { context has nothing }",
    "when { context.chain has user && context.chain.user.level > 1 }",
    "when { context.chain.user.level > 1 }",
    "when { context.args.n > 1 }",
    "when { context.args.n == \"1\" }",
    "when { context.args has n && context.args.n > 1 }",
    "when { context has args.n && context.args[\"n\"] > 1 }",
    "when { context.args has text }",
    "when { context.args has id }",
    "when { context.args has text && context.args.text like \"*x*\" }",
    "when { context.args.amount.greaterThan(decimal(\"1.0\")) }",
    "when { context.args has amount && context.args.amount.lessThan(decimal(\"1.0\")) }",
    "unless { context has args.opts.mode && context.args.opts.mode == \"dry\" }",
    "when { context has args.opts && context.args.opts.mode == \"dry\" }",
    "when { context.args == { \"n\": 1 } }",
    "when { [context.args].contains(context.args) }",
    "when { context == context }",
    "when { (if principal is User then context.args else { \"n\": 1 }).n > 0 }",
    "when { context.argsInfo.unknown || context.argsInfo.counts has items }",
    "when { principal.level > 1 }",
    "when { principal is User && principal.level > 1 }",
    "when { principal has manager && principal.manager.hasTag(\"x\") }",
    "when { principal is Agent && principal has owner && principal.owner.level == 1 }",
    "when { resource.secret }",
    "when { resource has secret && resource.secret }",
    "when { resource in Segment::\"finance\" || resource == Document::\"a\" }",
    "when { Color::\"red\" == Color::\"green\" }",
    "when { [Color::\"red\"].contains(Color::\"green\") }",
    "when { User::\"t:ann\" in Nobody::\"x\" }",
    "when { true || User::\"t:ann\" in Nobody::\"x\" }",
    "when { context.now < datetime(\"never\") }",
    "when { context.tool.service == Service::\"p\u{430}y\" }",
    "when { action == Action::\"pay.send\" && context.args.n > 1 }",
    "unless { action in Action::\"read\" } when { context.args.n > 1 }",
    "when { Action::\"pay.send\" in action && context.args.n > 1 }",
    "when { action in [Action::\"pay.send\", Action::\"docs.read\"] }",
    "when { [action].contains(Action::\"nothing\") }",
];

/// The places of a template's slots, and what they are filled with.
const TEMPLATES: [(&str, &str, Option<&str>, Option<&str>); 7] = [
    ("principal in ?principal", "resource", Some("Group::\"g\""), None),
    ("principal == ?principal", "resource", Some("User::\"t:ann\""), None),
    ("principal == ?principal", "resource", Some("Group::\"g\""), None),
    ("principal is Agent in ?principal", "resource", Some("Nobody::\"x\""), None),
    ("principal", "resource in ?resource", None, Some("Service::\"pay\"")),
    ("principal", "resource == ?resource", None, Some("Document::\"a\"")),
    ("principal in ?principal", "resource in ?resource", Some("User::\"u\""), Some("User::\"u\"")),
];

/// A bundle as far as it is validated.
struct Bundle {
    schema: Schema,
    policies: Policies,
}

/// Policies with the ids `p0`, `p1`, …. Each stands in a file of its own, because Cedar hashes the
/// whole file with every error.
fn bundle(policies: &[String], links: &[TemplateLink]) -> Bundle {
    let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
    let (catalog, _) = Catalog::parse(&Arc::from("catalog.yaml"), CATALOG).expect("a catalog");
    let mut problems = Problems::default();
    let files = policies.iter().enumerate().map(|(number, policy)| {
        file(&format!("policies/{number}.cedar"), &format!("@id(\"p{number}\")\n{policy}"))
    });
    let files: Vec<SourceFile> = files.collect();
    let policies = Policies::read(&files, links, None, &mut problems);
    let schema =
        schema::build(&catalog, &[file("schema/a.cedarschema", SCHEMA)], None, &mut problems);
    assert!(!problems.has_errors(), "{problems}");
    Bundle { schema: schema.expect("a schema").cedar.clone(), policies }
}

/// The static policies, by number: every scope with every condition.
fn every_policy() -> Vec<String> {
    let mut all = Vec::new();
    for principal in PRINCIPALS {
        for action in ACTIONS {
            for resource in RESOURCES {
                for condition in CONDITIONS {
                    all.push(format!("permit ({principal}, {action}, {resource})\n{condition};"));
                }
            }
        }
    }
    all
}

/// Everything as one set, templates and links included.
fn everything(policies: &Policies) -> PolicySet {
    let mut set = PolicySet::clone(&policies.templated);
    for policy in policies.by_id.values().filter(|policy| policy.cedar.template_id().is_none()) {
        set.add(policy.cedar.clone()).expect("ids are unique");
    }
    set
}

/// The policies Cedar's validator has something to say of.
fn faulty(bundle: &Bundle) -> BTreeSet<String> {
    let validator = Validator::new(bundle.schema.clone());
    let result = validator.validate(&everything(&bundle.policies), ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| error.policy_id().to_string());
    let warnings = result.validation_warnings().map(|warning| warning.policy_id().to_string());
    errors.chain(warnings).collect()
}

#[test]
fn a_policy_is_passed_over_exactly_if_cedar_finds_nothing() {
    let policies = every_policy();
    let bundle = bundle(&policies, &[]);
    let faulty = faulty(&bundle);
    let kinds = RequestKinds::of(&bundle.schema);
    let mut passed_over = 0;
    for (number, policy) in policies.iter().enumerate() {
        let id = format!("p{number}");
        let compiled = bundle.policies.by_id.get(&palisade_core::PolicyId::new(&id));
        let finds_nothing = kinds.finds_nothing(&compiled.expect("was read").cedar);
        let (_, condition) = policy.split_once('\n').expect("a line for the condition");
        // Those are left to Cedar whatever it says.
        let reads_action = condition.contains("ction");
        assert_eq!(finds_nothing, !reads_action && !faulty.contains(&id), "{policy}");
        passed_over += usize::from(finds_nothing);
    }
    assert!(passed_over > policies.len() / 20, "{passed_over} of {}", policies.len());
    assert!(faulty.len() > policies.len() / 10, "{} of {}", faulty.len(), policies.len());
}

#[test]
fn the_problems_are_those_of_the_validator_over_everything() {
    // A tenth of them, with templates of every shape among them.
    let mut policies: Vec<String> = every_policy().into_iter().step_by(11).collect();
    let mut links = Vec::new();
    for (principal, resource, principal_slot, resource_slot) in TEMPLATES {
        for (action, condition) in ACTIONS.iter().zip(CONDITIONS.iter().cycle().skip(8)) {
            links.push(TemplateLink {
                id: format!("link{}", links.len()),
                template: format!("p{}", policies.len()),
                principal: principal_slot.map(str::to_owned),
                resource: resource_slot.map(str::to_owned),
                file: Arc::from("policies/links.yaml"),
                span: None,
                line: 1,
            });
            policies.push(format!("forbid ({principal}, {action}, {resource}) {condition};"));
        }
    }
    let bundle = bundle(&policies, &links);
    let kinds = RequestKinds::of(&bundle.schema);
    let mut linked = bundle.policies.by_id.values().filter(|p| p.cedar.template_id().is_some());
    assert!(linked.all(|policy| !kinds.finds_nothing(&policy.cedar)), "slots are left to Cedar");
    let mut problems = Problems::default();
    validate(&bundle.schema, &bundle.policies, None, &mut problems);
    let all = findings(&bundle.schema, &bundle.policies, &everything(&bundle.policies));
    assert!(all.len() > policies.len() / 10, "{} of {}", all.len(), policies.len());
    for (found, wanted) in problems.0.iter().zip(&all) {
        assert_eq!(found, wanted);
    }
    assert_eq!(problems.0.len(), all.len());
}
