//! A snapshot built after another one is the snapshot that is built from scratch.

use palisade_core::{ActorKind, Facts, Severity};
use palisade_engine::PolicySnapshot;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::properties::{ENTITIES, policy, request};
use crate::universe::{CATALOG, NOW, Universe, actor, call, decide};

/// Policies that strict validation, annotations, links or ids have something to say of.
const ODD: [&str; 9] = [
    "@reason(\"r\") permit (principal, action, resource) when { context.nothing };",
    "@reason(\"r\") forbid (principal, action == Action::\"pay.sned\", resource);",
    "@reason(\"r\") forbid (principal, action == Action::\"pay.send\", resource) \
     when { context.args.n < 5 };",
    "@reason(\"r\") forbid (principal is User, action, resource) when { principal.level > 2 };",
    "@reason(\"r\") @mode(\"shadow\") forbid (principal, action, resource);",
    "permit (principal == ?principal, action, resource);",
    "@require(\"approval\") permit (principal, action, resource);",
    "forbid (principal, action, resource) when { context.args has tо };",
    "permit (principal, action resource);",
];

const SCHEMAS: [&str; 3] =
    ["", "entity User = { level: Long };", "entity User = { level: String };"];

/// One change of a bundle.
#[derive(Clone, Debug)]
enum Edit {
    Policy { file: Index, place: Index, text: String },
    Add { file: Index, text: String },
    Remove { file: Index, place: Index },
    Move { from: Index, to: Index },
    Id { file: Index, place: Index, id: usize },
    Schema(usize),
    Catalog,
    Nothing,
}

fn any_policy() -> impl Strategy<Value = String> {
    let usual = policy().prop_map(|text| {
        let line = crate::properties::render(&[text]);
        line.trim().strip_prefix("@id(\"p0\")").expect("an id").to_owned()
    });
    prop_oneof![12 => usual, 1 => prop::sample::select(ODD.to_vec()).prop_map(str::to_owned)]
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), at(), any_policy()).prop_map(|(file, place, text)| Edit::Policy { file, place, text }),
        2 => (at(), any_policy()).prop_map(|(file, text)| Edit::Add { file, text }),
        2 => (at(), at()).prop_map(|(file, place)| Edit::Remove { file, place }),
        1 => (at(), at()).prop_map(|(from, to)| Edit::Move { from, to }),
        1 => (at(), at(), 0..9_usize).prop_map(|(file, place, id)| Edit::Id { file, place, id }),
        1 => (0..SCHEMAS.len()).prop_map(Edit::Schema),
        1 => Just(Edit::Catalog),
        1 => Just(Edit::Nothing),
    ]
}

/// What edits change: files of policies with their ids, the schema, the catalog.
#[derive(Clone, Debug)]
struct Bundle {
    files: Vec<Vec<(usize, String)>>,
    next: usize,
    schema: usize,
    other_catalog: bool,
}

impl Bundle {
    fn apply(&mut self, edit: Edit) {
        let next = self.next;
        self.next += 1;
        match edit {
            Edit::Policy { file, place, text } => {
                let file = file.index(self.files.len());
                if !self.files[file].is_empty() {
                    let place = place.index(self.files[file].len());
                    self.files[file][place].1 = text;
                }
            }
            Edit::Add { file, text } => {
                let file = file.index(self.files.len());
                self.files[file].insert(0, (next, text));
            }
            Edit::Remove { file, place } => {
                let file = file.index(self.files.len());
                if !self.files[file].is_empty() {
                    let place = place.index(self.files[file].len());
                    self.files[file].remove(place);
                }
            }
            Edit::Move { from, to } => {
                let (from, to) = (from.index(self.files.len()), to.index(self.files.len()));
                let moved = self.files[from].pop();
                self.files[to].extend(moved);
            }
            Edit::Id { file, place, id } => {
                let file = file.index(self.files.len());
                if !self.files[file].is_empty() {
                    let place = place.index(self.files[file].len());
                    self.files[file][place].0 = id;
                }
            }
            Edit::Schema(schema) => self.schema = schema,
            Edit::Catalog => self.other_catalog ^= true,
            Edit::Nothing => {}
        }
    }

    fn universe(&self) -> Universe {
        let text = |file: &Vec<(usize, String)>| -> String {
            file.iter().map(|(id, text)| format!("@id(\"p{id}\") {text}\n")).collect()
        };
        let catalog = match self.other_catalog {
            true => CATALOG.replace("n: { type: integer }", "n: { type: string }"),
            false => CATALOG.to_owned(),
        };
        let schema = SCHEMAS[self.schema].to_owned();
        let level = [None, Some("7"), Some("\"high\"")][self.schema];
        let attributes =
            level.map_or_else(|| "{}".to_owned(), |level| format!("{{\"level\":{level}}}"));
        let user = "\"id\":\"t:ann\"},\"attrs\":";
        let entities = ENTITIES.replace(&format!("{user}{{}}"), &format!("{user}{attributes}"));
        let files = self.files.iter().enumerate();
        let mut files: Vec<_> =
            files.map(|(i, file)| (format!("policies/f{i}.cedar"), text(file))).collect();
        let (_, first) = files.remove(0);
        Universe {
            catalog,
            schema,
            entities,
            more_policies: files,
            ..Universe::with_policies(first)
        }
    }
}

/// Everything that shows of a snapshot without a call.
fn shown(snapshot: &PolicySnapshot) -> String {
    let reads: Vec<_> =
        ["docs.read", "docs.note", "pay.send"].map(|tool| snapshot.reads(tool)).into();
    format!("{:?} {reads:?} {:?}", snapshot.policies(), snapshot.cedar_schema_text())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn what_is_built_after_another_is_what_is_built_from_scratch(
        first in proptest::collection::vec(proptest::collection::vec(policy(), 0..4), 3),
        edits in proptest::collection::vec(edit(), 1..12),
        calls in proptest::collection::vec(request(), 4),
    ) {
        let mut next = 0;
        let files = first.iter().map(|file| {
            let texts = file.iter().map(|text| {
                next += 1;
                let line = crate::properties::render(std::slice::from_ref(text));
                (next - 1, line.trim().strip_prefix("@id(\"p0\")").expect("an id").to_owned())
            });
            texts.collect()
        });
        let files = files.collect();
        let mut bundle = Bundle { files, next: 100, schema: 0, other_catalog: false };
        let mut previous = bundle.universe().build().ok();
        for edit in edits {
            bundle.apply(edit);
            let universe = bundle.universe();
            let scratch = universe.build_with_advice();
            match (scratch, universe.build_after(previous.as_ref())) {
                (Err(scratch), Err(after)) => prop_assert_eq!(scratch, after),
                (Ok((scratch, advice)), Ok((after, advice_after))) => {
                    prop_assert_eq!(advice, advice_after);
                    prop_assert_eq!(shown(&scratch), shown(&after));
                    for call in &calls {
                        let facts = Facts::at(NOW);
                        prop_assert_eq!(decide(&scratch, call, &facts), decide(&after, call, &facts));
                        let explained = |snapshot: &PolicySnapshot| {
                            let resolved = snapshot.resolve(call).call.ok()?;
                            Some(snapshot.explain(&resolved, &facts))
                        };
                        prop_assert_eq!(explained(&scratch), explained(&after));
                    }
                    previous = Some(after);
                }
                (scratch, after) => prop_assert!(
                    false, "{:?} but {:?}", scratch.map(|_| ()), after.map(|_| ())
                ),
            }
        }
    }
}

fn codes(universe: &Universe, previous: &PolicySnapshot) -> Vec<&'static str> {
    match universe.build_after(Some(previous)) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            let errors = problems.0.iter().filter(|p| p.severity == Severity::Error);
            errors.map(|problem| problem.code).collect()
        }
    }
}

#[test]
fn a_policy_that_did_not_change_is_validated_again_when_the_schema_did() {
    let policies = "@id(\"p\") permit (principal is User, action, resource) \
                    when { principal.level > 2 };";
    let with =
        |schema: &str| Universe { schema: schema.to_owned(), ..Universe::with_policies(policies) };
    let first = with(SCHEMAS[1]).snapshot();
    assert_eq!(codes(&with(SCHEMAS[1]), &first), [""; 0]);
    assert_eq!(codes(&with(SCHEMAS[2]), &first), ["policy.validation"]);
}

#[test]
fn a_policy_that_changed_is_validated_though_nothing_else_did() {
    let policy = |value: &str| {
        Universe::with_policies(format!(
            "@id(\"p\") permit (principal, action, resource) when {{ context.tool.tier > {value} }};"
        ))
    };
    assert_eq!(codes(&policy("\"1\""), &policy("1").snapshot()), ["policy.validation"]);
}

#[test]
fn the_text_that_another_policy_had_does_not_count_for_its_id() {
    let (good, bad) = ("context.tool.tier > 1", "context.nothing");
    let policies = |one: &str, other: &str, mode: &str| {
        Universe::with_policies(format!(
            "@id(\"a\") permit (principal, action, resource) when {{ {one} }};\n\
             @id(\"b\") {mode} permit (principal, action, resource) when {{ {other} }};"
        ))
    };
    let first = policies(good, good, "").snapshot();
    assert_eq!(codes(&policies(bad, good, ""), &first), ["policy.validation"]);
    // A change of annotations alone is seen as well.
    let shadowed = policies(good, good, "@mode(\"shadow\")");
    let (after, _) = shadowed.build_after(Some(&first)).expect("it loads");
    assert!(after.counting_shadow_policies().is_some());
}

#[test]
fn facts_that_are_provided_no_more_are_missed_in_policies_that_did_not_change() {
    let policies = "@id(\"p\") permit (principal, action, resource) \
                    when { context has session && context.session.writes < 3 };";
    let facts = palisade_core::FactSources { session: true, ..Default::default() };
    let with = Universe { facts, ..Universe::with_policies(policies) };
    let without = Universe::with_policies(policies);
    assert_eq!(codes(&without, &with.snapshot()), ["policy.fact_not_provided"]);
}

#[test]
fn a_snapshot_built_after_another_remembers_nothing_of_it() {
    let policies = "@id(\"all\") permit (principal, action, resource);";
    let first = Universe::with_policies(policies).snapshot();
    let asked = call(vec![actor(ActorKind::User, "ann")], "docs.note", "{}");
    for _ in 0..3 {
        drop(first.answer(&asked, &Facts::at(NOW)));
    }
    let after = Universe::with_policies(policies).build_after(Some(&first));
    let (after, _) = after.expect("it loads");
    assert_eq!(after.cache_stats().expect("caches"), palisade_engine::CacheStats::default());
}
