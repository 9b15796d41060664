//! Entities that policies name and that cannot be, or are not in the bundle.
//!
//! Cedar does not mind: a forbid on a misspelt segment is a wall that is not there.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entities, EntityUid};
use palisade_catalog::Catalog;
use palisade_core::{ActorKind, Problem, Problems, Requirement};

use crate::claims::ClaimMappings;
use crate::policy::{CompiledPolicy, Policies};
use crate::{Issuers, names};

/// What a bundle knows of names.
pub(crate) struct Known<'a> {
    catalog: &'a Catalog,
    issuers: &'a Issuers,
    /// Every entity there is, and every one that another is in.
    there: HashSet<EntityUid>,
    /// How many users are in a group.
    users_in: HashMap<EntityUid, usize>,
    /// Whether credentials name groups of their issuer as well.
    claims_groups: bool,
}

impl<'a> Known<'a> {
    pub(crate) fn of(
        catalog: &'a Catalog,
        (issuers, claims): (&'a Issuers, &ClaimMappings),
        entities: &Entities,
    ) -> Self {
        let (mut there, mut users_in) = (HashSet::new(), HashMap::new());
        for one in entities.iter() {
            let uid = one.uid();
            let is_user = uid.type_name() == names::actor_type(ActorKind::User);
            for around in entities.ancestors(&uid).into_iter().flatten() {
                there.insert(around.clone());
                if is_user {
                    *users_in.entry(around.clone()).or_insert(0) += 1;
                }
            }
            there.insert(uid);
        }
        let claims_groups = claims.0.values().any(|mapping| mapping.groups.is_some());
        Self { catalog, issuers, there, users_in, claims_groups }
    }
}

/// Looks at every entity that a policy names. Segments, services and tools come from the catalog
/// alone and actors have an issuer, so that others are errors; users and groups may come from
/// elsewhere one day, so that a group nobody is in is an advice.
pub(crate) fn check(known: &Known<'_>, policies: &Policies, problems: &mut Problems) {
    for policy in policies.by_id.values() {
        for name in &policy.names {
            if let Some(problem) = known.check(name) {
                problems.0.push(policy.place.mark(problem));
            }
        }
        known.check_approvers(policy, problems);
    }
}

impl Known<'_> {
    fn check(&self, name: &EntityUid) -> Option<Problem> {
        let id = name.id().unescaped();
        let kind = name.type_name();
        let unknown = |what: &str, known: Vec<&str>| {
            let problem = Problem::error(
                "policy.unknown_entity",
                format!("`{name}` is no {what} of the catalog, so this never applies"),
            );
            Some(problem.with_help(format!("known are {}", list(&known))))
        };
        if *kind == *names::SEGMENT {
            let known: Vec<&str> = self.catalog.segments().collect();
            return if known.contains(&id) { None } else { unknown("segment", known) };
        }
        if *kind == *names::TOOL {
            let known = || self.catalog.tools().map(|tool| tool.name.as_str()).collect();
            return if self.catalog.tool(id).is_some() { None } else { unknown("tool", known()) };
        }
        // An actor has its issuer before a colon, which the name of a tool's service has not.
        if *kind == *names::SERVICE && !id.contains(':') {
            let known: Vec<&str> = self.catalog.services().map(|(name, _)| name).collect();
            return if known.contains(&id) { None } else { unknown("service", known) };
        }
        if ActorKind::ALL.into_iter().any(|actor| names::actor_type(actor) == kind) {
            let alias = id.split_once(':').map(|(alias, _)| alias);
            return match alias {
                Some(alias) if self.issuers.has_alias(alias) => None,
                Some(_) | None => Some(
                    Problem::error(
                        "policy.unknown_issuer",
                        format!("`{name}` has no issuer of the bundle, so this never applies"),
                    )
                    .with_help("write `issuer-alias:subject`, with an alias from `bundle.yaml`"),
                ),
            };
        }
        let alias = id.split_once(':').map(|(alias, _)| alias);
        let is_claimed = self.claims_groups && alias.is_some_and(|a| self.issuers.has_alias(a));
        let is_group = *kind == *names::GROUP && !is_claimed;
        (is_group && !self.there.contains(name)).then(|| {
            Problem::advice(
                "policy.unknown_group",
                format!("`{name}` is in no file of `entities/`, so nobody of the bundle is in it"),
            )
            .with_help("is it misspelt? otherwise add it to `entities/`")
        })
    }

    /// A quorum that the bundle's own people cannot meet.
    fn check_approvers(&self, policy: &CompiledPolicy, problems: &mut Problems) {
        let Some(Requirement::Approval { approvers, quorum, .. }) = &policy.requirement else {
            return;
        };
        let group = names::entity(&names::GROUP, approvers);
        let members = self.users_in.get(&group).copied().unwrap_or(0);
        if members >= usize::try_from(*quorum).unwrap_or(usize::MAX) {
            return;
        }
        let message = format!(
            "{quorum} of `{group}` have to approve, and the bundle knows {members} users in it"
        );
        let problem = Problem::advice("policy.too_few_approvers", message)
            .with_help("is the group misspelt? otherwise add its people to `entities/`");
        problems.0.push(policy.place.mark(problem));
    }
}

/// The first of them.
fn list(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>();
    if names.len() > SHOWN {
        text.push(format!("{} more", names.len() - SHOWN));
    }
    if text.is_empty() { "none".to_owned() } else { text.join(", ") }
}
