//! The people, their groups, and the agents that work for them.

use serde_json::{Value, json};

use super::{AGENT_GROUPS, ISSUER, Scale, TEAMS_PER_DEPARTMENT};

/// The attributes of people.
pub(super) const SCHEMA: &str = r"entity User = { suspended?: Bool, region?: String };";

pub(super) fn team(index: usize) -> String {
    format!("team_{index:05}")
}

pub(super) fn department(index: usize) -> String {
    format!("department_{index:04}")
}

pub(super) fn agent_group(index: usize) -> String {
    format!("agents_{index:02}")
}

pub(super) fn user(index: usize) -> String {
    format!("user_{index:05}")
}

pub(super) fn agent(index: usize) -> String {
    format!("agent_{index:05}")
}

/// The id of an actor's entity.
pub(super) fn actor(subject: &str) -> String {
    format!("{ISSUER}:{subject}")
}

/// Users in teams in departments in the whole, agents in groups.
pub(super) fn generate(scale: Scale) -> Vec<Value> {
    let group = |id: &str, parent: Option<&str>| {
        let parents: Vec<Value> = parent.into_iter().map(group_uid).collect();
        json!({ "uid": group_uid(id), "attrs": {}, "parents": parents })
    };
    let mut all = vec![group("employees", None), group("restricted-access", None)];
    for i in 0..scale.departments() {
        all.push(group(&department(i), Some("employees")));
    }
    for i in 0..scale.teams() {
        all.push(group(&team(i), Some(&department(i / TEAMS_PER_DEPARTMENT))));
    }
    for i in 0..AGENT_GROUPS {
        all.push(group(&agent_group(i), None));
    }
    for i in 0..scale.users() {
        let mut parents = vec![group_uid(&team(i % scale.teams()))];
        if i % 10 == 0 {
            parents.push(group_uid("restricted-access"));
        }
        let region = if i % 3 == 0 { "us" } else { "eu" };
        all.push(json!({
            "uid": { "type": "User", "id": actor(&user(i)) },
            "attrs": { "region": region, "suspended": false },
            "parents": parents,
        }));
    }
    for i in 0..scale.agents() {
        let owner = json!({ "type": "User", "id": actor(&user(i)) });
        all.push(json!({
            "uid": { "type": "Agent", "id": actor(&agent(i)) },
            "attrs": { "owner": { "__entity": owner } },
            "parents": [group_uid(&agent_group(i % AGENT_GROUPS))],
        }));
    }
    all
}

fn group_uid(id: &str) -> Value {
    json!({ "type": "Group", "id": id })
}
